"""GeoScore: what an answer is worth, by its distance from the truth."""

import jax
import jax.numpy as jnp
from jaxtyping import Float
import numpy as np

# GeoGuessr's score: 5000 points at 0 km, 1/e of it at 1492.7 km.
MAX = 5000.0
SCALE_KM = 1492.7


def share(
    dist_km: Float[np.ndarray, '*n'] | Float[jax.Array, '*n'],
) -> Float[np.ndarray, '*n'] | Float[jax.Array, '*n']:
  """exp(−d/1492.7): the score as a share of its maximum."""
  xp = jnp if isinstance(dist_km, jax.Array) else np
  return xp.exp(-dist_km / SCALE_KM)


def points(dist_km: Float[np.ndarray, '*n']) -> Float[np.ndarray, '*n']:
  """5000·exp(−d/1492.7), unrounded."""
  return MAX * share(dist_km)
