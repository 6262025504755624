"""What may be known without a look at a photo: a random place, the best one.

A system that loses to the best single place has learned where photos are
taken, and nothing from the photos.
"""

from collections.abc import Iterator, Sequence
import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.evals import geolocation, metrics
from pinpoint_jax.geo import distance
from pinpoint_jax.ridge import ridge as kernel_ridge

NAMES = ('chance', 'constant')
_MOST_PLACES = 4096
# So many rows say where photos are taken as well as millions do.
_MOST_ROWS = 200_000


@dataclasses.dataclass(frozen=True)
class Baseline:
  """A baseline's errors on a query set by one distance.

  Attributes:
    system: one of NAMES.
    decode: how the constant place was chosen; of chance argmax.
    distance: name in geo.distance.
    errors: of every query; of chance those of several draws.
    latlng_deg: the constant place, None of chance.
  """

  system: str
  decode: str
  distance: str
  errors: metrics.Errors
  latlng_deg: Float[np.ndarray, '2'] | None


def baselines(queries: types.Photos, latlng_deg: Float[np.ndarray, 'n 2'],
              names: Sequence[str], distances: Sequence[str],
              seed: int) -> Iterator[Baseline]:
  """Those of NAMES, with answers from the places of other photos [n, 2]."""
  if 'chance' in names:
    unknown = np.full(len(latlng_deg), '', np.str_)
    # Chance needs places alone.
    places = types.Photos(unknown, latlng_deg, unknown, unknown, 'mixed')
    for name in distances:
      yield Baseline('chance', 'argmax', name, geolocation.chance_errors(
          queries, places, seed, name), None)
  if 'constant' in names:
    for decode, best in best_places(latlng_deg).items():
      answers = types.Predictions(queries.ids, np.tile(best, (len(queries), 1)))
      for name in distances:
        yield Baseline('constant', decode, name, geolocation.errors(
            answers, queries, name), best)


def best_places(
    latlng_deg: Float[np.ndarray, 'n 2']) -> dict[str, Float[np.ndarray, '2']]:
  """By decoding the place worth most to photos taken at `latlng_deg`."""
  latlng_deg = latlng_deg[blocks.evenly_spread(len(latlng_deg), _MOST_ROWS)]
  places = kernel_ridge.anchors(latlng_deg, _MOST_PLACES)
  shares = np.bincount(
      places.of_row, minlength=len(places)) / len(latlng_deg)
  km = distance.haversine_km(places.latlng_deg[:, None], places.latlng_deg)
  return {decode: places.latlng_deg[np.argmax(np.exp(-km / scale_km) @ shares)]
          for decode, scale_km in kernel_ridge.SCALES_KM.items()}
