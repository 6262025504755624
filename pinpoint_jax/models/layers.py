"""Layers that several models share: residual MLPs, norms, fixed scaling.

`Standardise` brings columns to mean 0 and deviation 1 by numbers that are saved
as parameters, so that files and averages have them, but never move: no gradient
reaches them, and weight decay leaves out what is called a norm.
"""

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax.models import transformer

Dtype = Any
# As torch's LayerNorm; Flax would take 1e-6.
_NORM_EPS = 1e-5
_UNIT_EPS = 1e-8


def unit(x: Float[jax.Array, '*b d']) -> Float[jax.Array, '*b d']:
  """x at length one, in float32; zero stays zero, with a finite gradient."""
  x = x.astype(jnp.float32)
  squares = jnp.sum(x * x, axis=-1, keepdims=True)
  return x * jax.lax.rsqrt(jnp.maximum(squares, _UNIT_EPS**2))


class ResidualMlp(nn.Module):
  """x + MLP(LayerNorm(x)), hidden layer `expansion` times as wide."""

  expansion: int
  dropout: float
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b h'], deterministic: bool) -> Float[
      jax.Array, 'b h']:
    width = x.shape[-1]
    drop = Dropout(self.dropout)
    y = norm(self.dtype, 'norm')(x)
    y = nn.Dense(self.expansion * width, dtype=self.dtype, name='up')(y)
    y = drop(transformer.gelu_erf(y), deterministic)
    y = nn.Dense(width, dtype=self.dtype, name='down')(y)
    return x + drop(y, deterministic)


class ResidualMlps(nn.Module):
  """`depth` residual MLPs as one loop: parameters [depth, ...] under 'layers'.

  A compiler sees one of them, however many there are, unless the loop is
  unrolled: then nothing is copied into and out of stacks at each of its steps.
  `unstacked` gives the parameters of the twin that has each MLP under a name of
  its own.
  """

  depth: int
  expansion: int
  dropout: float
  dtype: Dtype = jnp.float32
  unroll: bool = False

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b h'], deterministic: bool) -> Float[
      jax.Array, 'b h']:
    step = lambda module, x, _: (module(x, deterministic), None)
    x, _ = nn.scan(
        step, variable_axes={'params': 0},
        split_rngs={'params': True, 'dropout': True}, length=self.depth,
        unroll=self.depth if self.unroll else 1)(
            ResidualMlp(self.expansion, self.dropout, self.dtype,
                        name='layers'), x, None)
    return x


def residual_mlps(name: str, depth: int, expansion: int, dropout: float,
                  dtype: Dtype, scan: bool,
                  unroll: bool = False) -> list[nn.Module]:
  """Modules NAME_0, NAME_1, … or, scanned, the one NAME in their place."""
  if scan and depth > 1:  # A loop of one saves nothing.
    return [ResidualMlps(depth, expansion, dropout, dtype, unroll, name=name)]
  return [ResidualMlp(expansion, dropout, dtype, name=f'{name}_{i}')
          for i in range(depth)]


def unstacked(params: Any) -> Any:
  """Parameters with every stack NAME/layers as NAME_0, NAME_1, …"""
  if not isinstance(params, Mapping):
    return params
  result = {}
  for name, value in params.items():
    if isinstance(value, Mapping) and set(value) == {'layers'}:
      depth = len(jax.tree.leaves(value)[0])
      result |= {f'{name}_{i}': jax.tree.map(
          lambda x, i=i: x[i], value['layers']) for i in range(depth)}
    else:
      result[name] = unstacked(value)
  return result


class Head(nn.Module):
  """LayerNorm, projection, unit length (float32)."""

  dim: int
  dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b h']) -> Float[jax.Array, 'b d']:
    x = norm(self.dtype, 'norm')(x)
    return unit(nn.Dense(self.dim, dtype=self.dtype, name='project')(x))


def gate(module: nn.Module, name: str) -> Float[jax.Array, '']:
  """A number of `module` that lets a branch in; at first it is shut."""
  return jnp.asarray(module.param(name, nn.initializers.zeros, ()))


class Dropout(nn.Module):
  """Zeroes a share of the numbers and scales the others up."""

  rate: float

  @nn.compact
  def __call__(self, x: Float[jax.Array, '*b h'], deterministic: bool) -> Float[
      jax.Array, '*b h']:
    # A byte decides: a share of 0.1 is in truth 26 / 256.
    kept = 256 - round(256 * self.rate)
    if not 0 < kept <= 256:
      raise ValueError(f'dropout {self.rate}: must be at least 0 and below 1')
    if deterministic or kept == 256:
      return x
    bits = _bytes(self.make_rng('dropout'), x.shape)
    return jnp.where(bits < kept, x * jnp.asarray(256 / kept, x.dtype),
                     jnp.zeros((), x.dtype))


def _bytes(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  """Random bytes; the same on any number of devices."""
  if shape[-1] % 4:
    return jax.random.bits(key, shape, jnp.uint8)
  # jax draws 32 bits for each number, however short: take four bytes of them.
  words = jax.random.bits(key, (*shape[:-1], shape[-1] // 4), jnp.uint32)
  return jax.lax.bitcast_convert_type(words, jnp.uint8).reshape(shape)


def norm(dtype: Dtype, name: str) -> nn.LayerNorm:
  """A LayerNorm as torch has it."""
  return nn.LayerNorm(epsilon=_NORM_EPS, dtype=dtype, name=name)


# A column that varies less is taken for constant; it is only centred.
_CONSTANT = 1e-6


class Standardise(nn.Module):
  """(x − mean) / std, column by column, in float32; at first (x − 0) / 1."""

  @nn.compact
  def __call__(self, x: Float[jax.Array, '*b f']) -> Float[jax.Array, '*b f']:
    columns = x.shape[-1:]
    mean = self.param('mean', nn.initializers.zeros, columns)
    std = self.param('std', nn.initializers.ones, columns)
    mean, std = (jax.lax.stop_gradient(jnp.reshape(
        p, (1,) * (x.ndim - 1) + columns)) for p in (mean, std))
    return (x.astype(jnp.float32) - mean) / std


def fit_standardise(x: Float[np.ndarray, '*b f'],
                    valid: Bool[np.ndarray, '*b']) -> dict[
                        str, Float[np.ndarray, 'f']]:
  """The parameters of a Standardise for the rows of x that are valid."""
  rows = np.asarray(x[valid], np.float64)
  if not len(rows):
    raise ValueError('no valid row to take means and deviations of')
  bad = np.flatnonzero(~np.isfinite(rows).all(axis=0))
  if len(bad):
    raise ValueError(f'columns {bad.tolist()} of {len(rows)} rows hold NaN or '
                     f'infinity: they have no mean')
  std = rows.std(axis=0)
  return {'mean': rows.mean(axis=0).astype(np.float32),
          'std': np.where(std > _CONSTANT, std, 1.).astype(np.float32)}
