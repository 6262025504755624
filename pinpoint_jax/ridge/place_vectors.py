"""Vectors of places whose products are what one is worth for another.

  place ─▶ worths of landmarks ─▶ vector;  a · b = exp(−d(a, b) / 1492.7)

Exactly so where a place is a landmark. A sum of such vectors, weighted by what
a ridge says of each place, is an image embedding: its product with a place is
the place's expected score.
"""

import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.geo import geoscore
from pinpoint_jax.ridge import ridge as kernel_ridge

# Directions with less than this share of the largest hardly change a worth.
_VANISHING = 1e-6


@dataclasses.dataclass(frozen=True)
class PlaceVectors:
  """A location tower in closed form.

  Attributes:
    landmarks: places, [m, 2].
    root: of the inverse of their worths for each other, [m, d].
  """

  landmarks: Float[np.ndarray, 'm 2']
  root: Float[np.ndarray, 'm d']

  def of(self, latlng_deg: Float[np.ndarray, 'n 2']) -> Float[
      np.ndarray, 'n d']:
    """Vectors of places: of length 1 at landmarks, shorter elsewhere."""
    return kernel_ridge.worths(
        latlng_deg, self.landmarks, geoscore.SCALE_KM) @ self.root


def fit(latlng_deg: Float[np.ndarray, 'n 2'], most: int) -> PlaceVectors:
  """Vectors with at most so many of the places as landmarks."""
  landmarks = latlng_deg[blocks.evenly_spread(len(latlng_deg), most)]
  values, vectors = np.linalg.eigh(kernel_ridge.worths(
      landmarks, landmarks, geoscore.SCALE_KM))
  kept = values > _VANISHING * values[-1]
  return PlaceVectors(landmarks, vectors[:, kept] / np.sqrt(values[kept]))
