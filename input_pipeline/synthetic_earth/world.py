"""Where things are in a seeded world: cities, sights, and their looks."""

import dataclasses

from input_pipeline.synthetic_earth import fields, randomness, sizes
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import neighbors, places

# No country holds more than this share of the places.
_COUNTRY_SHARE = 0.06
_POPULATION_OFFSET = 15
_FAME_OFFSET = 10
_LANDMARK_SPREAD_KM = 3.0
_BACKBONE_DISTANCE_KM = 25.0
_KM_PER_DEGREE = 111.195


@dataclasses.dataclass(frozen=True)
class Region:
  """Cities, most populous first, and the sights around them, most famous first.

  Attributes:
    name: keeps the random streams of regions apart.
    cities: rows of the city table, [c].
    latlng_deg: where the cities are, [c, 2].
    landmark_city: the city of each sight, an index into `cities`, [m].
    landmark_latlng_deg: where the sights are, [m, 2].
  """

  name: str
  cities: Int[np.ndarray, 'c']
  latlng_deg: Float[np.ndarray, 'c 2']
  landmark_city: Int[np.ndarray, 'm']
  landmark_latlng_deg: Float[np.ndarray, 'm 2']

  def draw_city(self, *counters: randomness.Counter) -> Int[np.ndarray, '*n']:
    """Cities by population."""
    return randomness.zipf(len(self.cities), _POPULATION_OFFSET, *counters)

  def draw_landmark(
      self, *counters: randomness.Counter) -> Int[np.ndarray, '*n']:
    """Sights by fame."""
    return randomness.zipf(len(self.landmark_city), _FAME_OFFSET, *counters)


class World:
  """A seeded world: its `main` region, a disjoint `backbone` one, its looks."""

  def __init__(self, seed: int, size: sizes.Size = sizes.SIZES['tiny']):
    self.seed = seed
    self.fields = fields.Fields(seed)
    self.cities = places.load_cities()
    order = np.argsort(
        randomness.bits('city', seed, np.arange(len(self.cities))),
        kind='stable')
    main = self._capped(order, size.num_places)
    rest = self._far_from(order[~np.isin(order, main)], main,
                          size.num_backbone_places)
    self.main = self._region('main', main, size.num_landmarks)
    self.backbone = self._region(
        'backbone', self._capped(rest, size.num_backbone_places),
        size.num_landmarks // 2)

  def look(self, latlng_deg: types.LatLng,
           country: types.Strings) -> Float[np.ndarray, 'n l']:
    """Latent looks of places [n, 2] in countries [n]."""
    return self.fields.look(latlng_deg, country)

  def _capped(self, rows: np.ndarray, num: int) -> np.ndarray:
    """The first `num` of `rows` with no country above its share."""
    country = self.cities.countries[rows]
    order = np.argsort(country, kind='stable')
    _, starts, counts = np.unique(
        country[order], return_index=True, return_counts=True)
    nth = np.empty(len(rows), np.int64)
    nth[order] = np.arange(len(rows)) - np.repeat(starts, counts)
    return rows[nth < max(2, int(num * _COUNTRY_SHARE))][:num]

  def _far_from(self, rows: np.ndarray, taken: np.ndarray,
                num: int) -> np.ndarray:
    rows = rows[:8 * num + 1000]
    near = neighbors.SphereIndex(self.cities.latlng_deg[taken]).within_km(
        self.cities.latlng_deg[rows], _BACKBONE_DISTANCE_KM)
    return rows[np.diff(near.offsets) == 0]

  def _region(self, name: str, cities: np.ndarray, num: int) -> Region:
    latlng_deg = self.cities.latlng_deg[cities]
    index = np.arange(num)
    city = randomness.zipf(len(cities), _POPULATION_OFFSET, name,
                           'landmark city', self.seed, index)
    east, north = (
        _LANDMARK_SPREAD_KM * randomness.bell(name, axis, self.seed, index)
        for axis in ('east', 'north'))
    return Region(name, cities, latlng_deg, city,
                  moved(latlng_deg[city], east, north))


def moved(latlng_deg: Float[np.ndarray, 'n 2'], east_km: Float[np.ndarray, 'n'],
          north_km: Float[np.ndarray, 'n']) -> Float[np.ndarray, 'n 2']:
  """Places a few km away, rounded to 1e-6 degree, the same on any machine."""
  lat = np.clip(latlng_deg[:, 0] + north_km / _KM_PER_DEGREE, -89.0, 89.0)
  # Bhaskara's cosine (off by at most 0.2 %) needs no libm.
  shrink = 4 * (8100 - lat * lat) / (32400 + lat * lat)
  lng = latlng_deg[:, 1] + east_km / (_KM_PER_DEGREE * shrink)
  lng = np.where(lng >= 180, lng - 360, np.where(lng < -180, lng + 360, lng))
  return np.round(np.stack([lat, lng], -1), 6)
