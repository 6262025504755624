"""Targets of pairs of places, hard or soft, by the distance between them.

          0 km      0.2 km                        everything else
  hard    y = 1     left out (weight 0)           y = 0
  soft    y = exp(−d / τ), nothing left out
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.geo import distance

KINDS = ('hard', 'soft')


@dataclasses.dataclass(frozen=True)
class Targets:
  """How near counts as the same place.

  Attributes:
    kind: hard or soft.
    near_km: hard pairs below this, but not at one place, are left out.
    tau_km: soft targets fall to 1/e there.
  """

  kind: str = 'hard'
  near_km: float | int = 0.2
  tau_km: float | int = 300.0

  def __post_init__(self):
    if self.kind not in KINDS:
      raise ValueError(f'targets kind {self.kind!r}: choices are {KINDS}')
    if self.near_km < 0 or self.tau_km <= 0:
      raise ValueError(f'near_km={self.near_km}, tau_km={self.tau_km}: must be '
                       f'at least 0 and above 0')


@dataclasses.dataclass(frozen=True)
class PairTargets:
  """For each row and column: the wanted answer and whether it counts."""

  y: Float[jax.Array, 'r c']
  weight: Float[jax.Array, 'r c']


def pair_targets(rows_xyz: Float[jax.Array, 'r 3'],
                 cols_xyz: Float[jax.Array, 'c 3'],
                 targets: Targets) -> PairTargets:
  """Targets of every pair; a column at the origin is empty and never counts."""
  chord2 = chords_squared(rows_xyz, cols_xyz)
  filled = jnp.any(cols_xyz != 0, axis=1).astype(jnp.float32)[None, :]
  if targets.kind == 'soft':
    y = jnp.exp(
        -distance.chord_to_km(jnp.sqrt(chord2)) / targets.tau_km)
    return PairTargets(y, jnp.broadcast_to(filled, y.shape))
  # Float32 unit vectors of one place are equal to the bit.
  same = chord2 == 0
  near = chord2 < (targets.near_km / distance.EARTH_RADIUS_KM)**2
  return PairTargets(same.astype(jnp.float32),
                     jnp.where(near & ~same, 0., 1.) * filled)


def chords_squared(rows_xyz: Float[jax.Array, 'r 3'],
                   cols_xyz: Float[jax.Array, 'c 3']) -> Float[
                       jax.Array, 'r c']:
  """Squared chords, by differences: a dot product is blind below 2 km."""
  total = jnp.zeros((len(rows_xyz), len(cols_xyz)), jnp.float32)
  for axis in range(3):
    total += (rows_xyz[:, axis, None] - cols_xyz[None, :, axis])**2
  return total
