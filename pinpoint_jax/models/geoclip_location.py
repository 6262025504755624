"""The location tower of GeoCLIP (Vivanco Cepeda et al., 2023).

  xyz ─▶ degrees ─▶ Equal Earth plane ─┬─▶ bank 0 ─▶ cos, sin ─▶ MLP ─┐
                                       ├─▶ bank 1 ─▶ cos, sin ─▶ MLP ─┼(+)─▶
                                       └─▶ bank 2 ─▶ cos, sin ─▶ MLP ─┘

Each parameter called `bank` is fixed: its gradient is zero here, and training
rules must keep weight decay and noise off names that contain `bank`.

The plane is cut at ±180° and stretches each pole to a line: the published
tower distinguishes +180 from -180 and has many vectors for one pole. Through
xyz such a place has one: longitude -180, and 0 at a pole.
"""

import math
import pathlib
from typing import Any

from flax import linen as nn
from flax import traverse_util
import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.disk import weights
from pinpoint_jax.disk.weights import Tensors, WeightsError
from pinpoint_jax.geo import coords

_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_SCALE = 66.50336


def equal_earth(latlng_deg: Float[jax.Array, '*n 2']) -> Float[
    jax.Array, '*n 2']:
  """Degrees to the tower's plane: x east in ±1, y north in ±0.487; float32."""
  lat, lng = jnp.moveaxis(
      jnp.deg2rad(jnp.asarray(latlng_deg, jnp.float32)), -1, 0)
  t = jnp.arcsin(math.sqrt(3) / 2 * jnp.sin(lat))
  slope = 9 * _A4 * t**8 + 7 * _A3 * t**6 + 3 * _A2 * t**2 + _A1
  x = 2 * math.sqrt(3) * lng * jnp.cos(t) / (3 * slope)
  y = _A4 * t**9 + _A3 * t**7 + _A2 * t**3 + _A1 * t
  return jnp.stack([x, y], axis=-1) * _SCALE / 180


class Capsule(nn.Module):
  """Random Fourier features of one scale and the MLP over them."""

  sigma: float
  num_features: int
  width: int
  depth: int
  out_dim: int
  dtype: Any

  @nn.compact
  def __call__(self, plane: Float[jax.Array, 'b 2']) -> Float[
      jax.Array, 'b d']:
    bank = jax.lax.stop_gradient(self.param(
        'bank', nn.initializers.normal(self.sigma), (self.num_features, 2)))
    # No matrix product: accelerators would round its inputs.
    turned = 2 * math.pi * plane
    angles = turned[:, :1] * bank[None, :, 0] + turned[:, 1:] * bank[None, :, 1]
    z = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    for i in range(self.depth):
      z = nn.relu(nn.Dense(self.width, dtype=self.dtype, name=f'dense_{i}')(z))
    return nn.Dense(self.out_dim, dtype=self.dtype, name='head')(z)


class GeoClipLocation(nn.Module):
  """Places to vectors; the fields as published.

  Attributes:
    sigmas: standard deviation of each fixed bank, in cycles per plane unit.
    num_features: rows of a bank, each giving a cosine and a sine.
    width, depth: hidden layers of each MLP.
    out_dim: length of the result.
    dtype: of the dense layers; places, angles and the result are float32.
  """

  sigmas: tuple[float, ...] = (1., 16., 256.)
  num_features: int = 256
  width: int = 1024
  depth: int = 3
  out_dim: int = 512
  dtype: Any = jnp.float32

  def __call__(self, xyz: Float[jax.Array, 'b 3']) -> Float[jax.Array, 'b d']:
    """Vectors of unit vectors, float32, not normalised."""
    # At a pole a -0. would turn longitude 0 into 180, and no slope exists.
    pole = ~xyz[:, :2].any(axis=1, keepdims=True)
    xy = jnp.where(pole, 0., xyz[:, :2])
    return self.from_degrees(coords.to_latlng_deg_jnp(
        jnp.concatenate([xy, xyz[:, 2:]], axis=1)))

  @nn.compact
  def from_degrees(self, latlng_deg: Float[jax.Array, 'b 2']) -> Float[
      jax.Array, 'b d']:
    """Vectors of (latitude, longitude), float32, not normalised."""
    plane = equal_earth(latlng_deg)
    return sum(
        Capsule(sigma, self.num_features, self.width, self.depth, self.out_dim,
                self.dtype, name=f'capsule_{i}')(plane).astype(jnp.float32)
        for i, sigma in enumerate(self.sigmas))


def load_published(path: str | pathlib.Path,
                   model: GeoClipLocation | None = None) -> dict[str, Any]:
  """Float32 variables of `model` from a .safetensors or a folder with one.

  The package ships a .pth, which is never opened here:
  tests/parity/convert_geoclip.py converts it where torch is.
  """
  path = pathlib.Path(path)
  weights.refuse_pickled(path)
  tensors = (weights.open_folder(path) if path.is_dir() else
             weights.open_safetensors(path))
  shapes = _param_shapes(model or GeoClipLocation())
  # Their matrices are [out, in]; reversing leaves a vector as it is.
  _refuse({_theirs(ours): shape if ours.endswith('bank') else shape[::-1]
           for ours, shape in shapes.items()}, tensors)
  params = {}
  for ours in shapes:
    value = tensors.read(_theirs(ours))
    params[ours] = jnp.asarray(value if ours.endswith('bank') else value.T)
  return {'params': traverse_util.unflatten_dict(params, sep='/')}


def _param_shapes(model: GeoClipLocation) -> dict[str, tuple[int, ...]]:
  xyz = jax.ShapeDtypeStruct((1, 3), jnp.float32)
  tree = jax.eval_shape(model.init, jax.random.key(0), xyz)['params']
  flat = traverse_util.flatten_dict(tree, sep='/')
  return {name: value.shape for name, value in flat.items()}


def _theirs(ours: str) -> str:
  """The package's name of 'capsule_1/dense_0/kernel' and its like."""
  capsule, part, *kind = ours.split('/')
  stem = f'LocEnc{capsule.removeprefix("capsule_")}'
  if part == 'bank':
    return f'{stem}.capsule.0.b'
  kind = 'weight' if kind == ['kernel'] else 'bias'
  if part == 'head':
    return f'{stem}.head.0.{kind}'
  # A ReLU takes every second number.
  return f'{stem}.capsule.{2 * int(part.removeprefix("dense_")) + 1}.{kind}'


def _refuse(wanted: dict[str, tuple[int, ...]], tensors: Tensors) -> None:
  """Raises WeightsError unless the file holds just the wanted tensors."""
  faults = weights.shape_faults(tensors.shapes, wanted)
  if faults:
    raise WeightsError(f'{tensors.origin}: not this GeoCLIP location encoder: '
                       f'{faults}')
