"""A place as a unit vector: learned Fourier banks at several scales.

  xyz ─▶ [sin 2πW₁x, cos 2πW₁x, …, sin 2πW₆x, cos 2πW₆x, x] ─▶ MLP ─▶ unit z

W_s starts at N(0, σ_s²), σ_s = 1, 4, …, 1024 cycles per Earth radius: from
continents to about 6 km. With `cells_km` the cells of a place speak first and
the waves add to them, at first nothing:

  xyz ─▶ cells ─▶ c ─▶ unit(c + gate · z)
"""

from collections.abc import Sequence
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.models import layers, place_cells

Dtype = Any


class FourierBanks(nn.Module):
  """Sines and cosines of learned projections, float32 under every policy."""

  sigmas: Sequence[float]
  num_waves: int

  @nn.compact
  def __call__(self, xyz: Float[jax.Array, 'b 3']) -> Float[
      jax.Array, 'b f']:
    # bfloat16 would lose the place from σ = 2⁴ on: no policy reaches here.
    xyz = xyz.astype(jnp.float32)
    banks = [self.param(f'bank_{i}', nn.initializers.normal(sigma),
                        (3, self.num_waves), jnp.float32)
             for i, sigma in enumerate(self.sigmas)]
    turns = jnp.matmul(xyz, jnp.concatenate(banks, axis=1),
                       precision=jax.lax.Precision.HIGHEST)
    angle_rad = 2 * math.pi * turns
    return jnp.concatenate(
        [jnp.sin(angle_rad), jnp.cos(angle_rad), xyz], axis=1)


class LocationEncoder(nn.Module):
  """Unit vectors of places to unit vectors of the shared space."""

  dim: int = 256
  hidden: int = 1024
  depth: int = 4
  expansion: int = 2
  log2_sigmas: Sequence[int] = (0, 2, 4, 6, 8, 10)
  num_waves: int = 128
  cells_km: Sequence[float] = ()
  num_slots: int = 2**15
  dtype: Dtype = jnp.float32
  scan: bool = False
  unroll: bool = False

  @nn.compact
  def __call__(self, xyz: Float[jax.Array, 'b 3']) -> Float[
      jax.Array, 'b d']:
    sigmas = [2.0**power for power in self.log2_sigmas]
    x = FourierBanks(sigmas, self.num_waves, name='fourier')(xyz)
    x = nn.Dense(self.hidden, dtype=self.dtype, name='in')(x)
    for block in layers.residual_mlps('block', self.depth, self.expansion, 0.0,
                                      self.dtype, self.scan, self.unroll):
      x = block(x, True)
    z = layers.Head(self.dim, self.dtype, name='out')(x)
    if not self.cells_km:
      return z
    cells = place_cells.PlaceCells(self.dim, self.cells_km, self.num_slots,
                                   name='cells')(xyz)
    return layers.unit(cells + layers.gate(self, 'gate') * z)
