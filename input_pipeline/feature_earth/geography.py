"""Where things are: towns of real countries, and sights of Zipf fame."""

import dataclasses

from input_pipeline.feature_earth import exact, randomness, settings
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.geo import places
import scipy

# No country holds more than this share of the towns.
_COUNTRY_SHARE = 0.06
# Weights of ranks are 1 / (rank + offset).
_POPULATION_OFFSET = 8
_FAME_OFFSET = 8
_SIGHTS_OFFSET = 15  # Of a town's population, for how many sights it has.
_SIGHTS_SPREAD_KM = 3.0
# A street view shows a sight that is this near.
_IN_VIEW_KM = 0.5


@dataclasses.dataclass(frozen=True)
class NearestSights:
  """The sights nearest to each place, nearest first: [n, k] each."""

  rows: Int[np.ndarray, 'n k']
  dist_km: Float[np.ndarray, 'n k']


class Geography:
  """Towns, most populous first, and the sights near them, most famous first.

  Attributes:
    town_deg: where the towns are, [t, 2].
    countries: of each town, [t].
    sight_deg: where the sights are, [s, 2].
  """

  def __init__(self, seed: int, num_towns: int, num_sights: int):
    cities = places.load_cities()
    towns = _towns(seed, cities.countries, num_towns)
    self.town_deg = cities.latlng_deg[towns]
    self.countries = cities.countries[towns]
    self.sight_deg = _sights(seed, self.town_deg, num_sights)
    self._towns = scipy.spatial.cKDTree(exact.grid_xyz(self.town_deg))
    self._sights = scipy.spatial.cKDTree(exact.grid_xyz(self.sight_deg))

  def nearest_town(self, latlng_deg: Float[np.ndarray, 'n 2']) -> Int[
      np.ndarray, 'n']:
    """The town each place belongs to."""
    return self._towns.query(exact.grid_xyz(latlng_deg))[1]

  def nearest_sights(self, latlng_deg: Float[np.ndarray, 'n 2'],
                     k: int) -> NearestSights:
    """The k sights nearest to each place."""
    steps, rows = self._sights.query(
        exact.grid_xyz(latlng_deg), k=np.arange(1, k + 1))
    return NearestSights(rows, steps / exact.STEPS_PER_KM)

  def sight_in_view(self, latlng_deg: Float[np.ndarray, 'n 2']) -> Int[
      np.ndarray, 'n']:
    """The sight that a street view at each place may show, -1 for none."""
    near = self.nearest_sights(latlng_deg, 1)
    return np.where(near.dist_km[:, 0] < _IN_VIEW_KM, near.rows[:, 0], -1)

  def draw_town(self, *counters: randomness.Counter) -> Int[np.ndarray, '*n']:
    """Towns by population."""
    return randomness.zipf(len(self.town_deg), _POPULATION_OFFSET, *counters)

  def draw_sight(self, *counters: randomness.Counter) -> Int[np.ndarray, '*n']:
    """Sights by fame."""
    return randomness.zipf(len(self.sight_deg), _FAME_OFFSET, *counters)


def build(seed: int, habits: settings.Settings,
          size: settings.Size) -> Geography:
  """The geography of a world."""
  return Geography(seed, int(size.num_towns * habits.town_factor),
                   size.num_sights)


def _towns(seed: int, countries: np.ndarray, num: int) -> Int[np.ndarray, 't']:
  """Rows of the city table: the first of a shuffle, few of any country."""
  order = np.argsort(randomness.bits(
      'city', seed, np.arange(len(countries))), kind='stable')
  country = countries[order]
  by_country = np.argsort(country, kind='stable')
  _, starts, counts = np.unique(
      country[by_country], return_index=True, return_counts=True)
  nth = np.empty(len(order), np.int64)
  nth[by_country] = np.arange(len(order)) - np.repeat(starts, counts)
  return order[nth < max(2, int(num * _COUNTRY_SHARE))][:num]


def _sights(seed: int, town_deg: Float[np.ndarray, 't 2'],
            num: int) -> Float[np.ndarray, 's 2']:
  """Places of sights; the more people a town has, the more sights."""
  index = np.arange(num)
  town = randomness.zipf(len(town_deg), _SIGHTS_OFFSET, 'main',
                         'landmark city', seed, index)
  east, north = (_SIGHTS_SPREAD_KM * randomness.bell('main', axis, seed, index)
                 for axis in ('east', 'north'))
  return exact.moved(town_deg[town], east, north)
