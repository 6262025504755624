"""Where things are: towns of real countries, and sights of Zipf fame."""

import dataclasses

from input_pipeline.feature_earth import exact, settings
from input_pipeline.synthetic_earth import randomness, sizes
from input_pipeline.synthetic_earth import world as worlds
from jaxtyping import Float, Int
import numpy as np
from scipy import spatial

# Weights of ranks are 1 / (rank + offset).
_POPULATION_OFFSET = 8
_FAME_OFFSET = 8
# A street view shows a sight that is this near.
_IN_VIEW_KM = 0.5


@dataclasses.dataclass(frozen=True)
class NearestSights:
  """The sights nearest to each place, nearest first: [n, k] each."""

  rows: Int[np.ndarray, 'n k']
  dist_km: Float[np.ndarray, 'n k']


class Geography:
  """Towns, most populous first, and the sights near them, most famous first."""

  def __init__(self, seed: int, num_towns: int, num_sights: int):
    earth = worlds.World(seed, sizes.Size(
        num_towns, num_sights, 1, 0, 0, 0, 0))
    self.region = earth.main
    self.countries = earth.cities.countries[self.region.cities]
    self._towns = spatial.cKDTree(exact.grid_xyz(self.region.latlng_deg))
    self._sights = spatial.cKDTree(
        exact.grid_xyz(self.region.landmark_latlng_deg))

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
    return randomness.zipf(
        len(self.region.cities), _POPULATION_OFFSET, *counters)

  def draw_sight(self, *counters: randomness.Counter) -> Int[np.ndarray, '*n']:
    """Sights by fame."""
    return randomness.zipf(
        len(self.region.landmark_city), _FAME_OFFSET, *counters)


def build(seed: int, habits: settings.Settings,
          size: settings.Size) -> Geography:
  """The geography of a world."""
  return Geography(seed, int(size.num_towns * habits.town_factor),
                   size.num_sights)
