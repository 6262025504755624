"""A place as what is known of the cells it lies in, from coarse to fine.

  xyz ─▶ cell of 5000 km ─▶ hash ─▶ slot ─▶ owner? ─▶ mean ─┐
      ─▶ cell of  500 km ─▶ hash ─▶ slot ─▶ owner? ─▶ mean ─┼(+)─▶ vector
      ─▶ cell of   50 km ─▶ hash ─▶ slot ─▶ owner? ─▶ mean ─┘

Waves spend parameters on the whole Earth; cells need one row for each place
that has pictures. All levels share one table. A slot has one owner, known by
the rest of its hash: a cell that owns none adds nothing, and the coarser ones
answer for it. `ridge.place_means` fills the table.
"""

from collections.abc import Sequence

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Int, UInt32
from pinpoint_jax.geo import distance

# A slot is the low half of a hash at most; its owner is the other half.
MOST_SLOTS = 2**16
_TAG_BITS = 16
# Large odd numbers, one for each axis and one for the level.
_PRIMES = (73856093, 19349663, 83492791, 0x9E3779B1)


def addresses(xyz: Float[jax.Array, 'b 3'], cells_km: Sequence[float],
              num_slots: int) -> tuple[Int[jax.Array, 'b l'],
                                       Float[jax.Array, 'b l']]:
  """Slot and tag of the cell of each level; tags begin at 1, 0 is nobody."""
  _check(cells_km, num_slots)
  slots, tags = [], []
  for level, size_km in enumerate(cells_km):
    # One product and no sum: every machine rounds it alike.
    cell = jnp.floor(xyz.astype(jnp.float32) * jnp.float32(
        distance.EARTH_RADIUS_KM / size_km)).astype(jnp.int32)
    mixed = _mixed(cell.astype(jnp.uint32), level)
    slots.append((mixed % jnp.uint32(num_slots)).astype(jnp.int32))
    tags.append((mixed >> _TAG_BITS).astype(jnp.float32) + 1.)
  return jnp.stack(slots, axis=1), jnp.stack(tags, axis=1)


class PlaceCells(nn.Module):
  """Sum of the means of the cells that own their slot; zero where none does."""

  dim: int
  cells_km: Sequence[float]
  num_slots: int

  @nn.compact
  def __call__(self, xyz: Float[jax.Array, 'b 3']) -> Float[
      jax.Array, 'b d']:
    table = lambda name, shape: jnp.asarray(
        self.param(name, nn.initializers.zeros, shape))
    owner = jax.lax.stop_gradient(table('owner', (self.num_slots,)))
    mean = table('mean', (self.num_slots, self.dim))
    # Else the hashes are computed again for every number that is read.
    slots, tags = jax.lax.optimization_barrier(
        addresses(xyz, self.cells_km, self.num_slots))
    # Tags are whole numbers that never move; a mean of them may have rounded.
    owned = jnp.abs(owner[slots] - tags) < 0.5
    return jnp.sum(jnp.where(owned[..., None], mean[slots], 0.), axis=1)


def _mixed(cell: UInt32[jax.Array, 'b 3'],
           level: int) -> UInt32[jax.Array, 'b']:
  """A hash of 32 bits, each of which hangs on all of its input."""
  *axes, of_level = (jnp.uint32(prime) for prime in _PRIMES)
  x = of_level * jnp.uint32(level + 1)
  for axis, prime in enumerate(axes):
    x = x ^ (cell[:, axis] * prime)
  for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
    x = (x ^ (x >> shift)) * jnp.uint32(factor)
  return x ^ (x >> 16)


def _check(cells_km: Sequence[float], num_slots: int) -> None:
  if not 0 < num_slots <= MOST_SLOTS or num_slots & (num_slots - 1):
    raise ValueError(f'num_slots={num_slots}: must be a power of two, at most '
                     f'{MOST_SLOTS}')
  if any(size <= 0 for size in cells_km):
    raise ValueError(f'cells_km={tuple(cells_km)}: sizes are above 0 km')
