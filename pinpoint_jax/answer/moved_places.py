"""Places where a photo was not taken, as somebody would claim them.

The place of another gallery row at about some distance: a claim of mid-ocean
would be refuted by any map.
"""

from collections.abc import Callable, Sequence
import zlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import distance

# Distances of claims that are learned from, evenly by their logarithm.
NEAREST_KM, FARTHEST_KM = 50., 5000.
# How far a distance may be missed, by its logarithm: a tenth.
_TOLERANCE = 0.1
# A place no farther is the same place.
SAME_KM = 25.
# More rows to choose from say no more.
_MOST = 20_000


def places_of(gallery: galleries.Gallery,
              task: str) -> Float[np.ndarray, 'n 2']:
  """Places of live rows of the task's source; of both where it has none."""
  live = np.setdiff1d(np.arange(len(gallery)), gallery.removed)
  own = live[gallery.source[live] == types.SOURCES.index(task)]
  rows = own if len(own) else live
  return gallery.latlng_deg[rows[blocks.evenly_spread(len(rows), _MOST)]]


def at_random(places: Float[np.ndarray, 'n 2'],
              truth: Float[np.ndarray, 'b 2'], ids: Sequence[str],
              num: int) -> Float[np.ndarray, 'b num 2']:
  """`num` moved places of each photo; NaN where there is none.

  places: of the rows to choose from; ids: of the photos, which alone decide.
  """
  moved = np.full((len(truth), num, 2), np.nan)
  for i, name in enumerate(ids):
    rng = np.random.default_rng(zlib.crc32(name.encode(errors='replace')))
    dist_km = distance.haversine_km(places, truth[i])
    for j in range(num):
      km = np.exp(rng.uniform(np.log(NEAREST_KM), np.log(FARTHEST_KM)))
      moved[i, j] = _chosen(places, dist_km, km, rng, _near_else_next)
  return moved


def at_distance(places: Float[np.ndarray, 'n 2'],
                truth: Float[np.ndarray, 'b 2'], ids: Sequence[str],
                km: float | int) -> Float[np.ndarray, 'b 2']:
  """One moved place of each photo, that far off to a tenth; else NaN."""
  moved = np.full((len(truth), 2), np.nan)
  for i, name in enumerate(ids):
    rng = np.random.default_rng([
        zlib.crc32(name.encode(errors='replace')), round(km)])
    moved[i] = _chosen(places, distance.haversine_km(places, truth[i]), km, rng,
                       _near)
  return moved


def _chosen(places: np.ndarray, dist_km: np.ndarray, km: float | int,
            rng: np.random.Generator,
            rows_fn: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
  """One of the places that rows_fn finds by how far they miss the distance."""
  rows = rows_fn(np.abs(np.log(np.maximum(dist_km, 1e-3) / km)))
  if not len(rows):
    return np.full(2, np.nan)
  row = rows[rng.integers(len(rows))]
  return places[row] if dist_km[row] > SAME_KM else np.full(2, np.nan)


def _near(missed: np.ndarray) -> np.ndarray:
  return np.flatnonzero(missed < _TOLERANCE)


def _near_else_next(missed: np.ndarray) -> np.ndarray:
  """Where no row is near enough, those that miss by least."""
  rows = _near(missed)
  return rows if len(rows) or not len(missed) else np.flatnonzero(
      missed == missed.min())
