import collections

from input_pipeline.feature_earth import geography
import numpy as np
from pinpoint_jax.geo import distance, places
import pytest


@pytest.fixture(scope='module')
def earth():
  return geography.Geography(0, 2000, 2500)


def test_towns_are_real_and_no_country_has_more_than_6_percent(earth):
  cities = places.load_cities()
  real = set(map(tuple, cities.latlng_deg.tolist()))
  assert set(map(tuple, earth.town_deg.tolist())) <= real
  counts = collections.Counter(earth.countries.tolist())
  assert len(earth.countries) == 2000 and len(counts) > 120
  assert max(counts.values()) == 120


def test_a_small_world_lies_in_the_large_one_and_seeds_differ(earth):
  large = set(map(tuple, earth.town_deg.tolist()))
  small = geography.Geography(0, 60, 40)
  assert set(map(tuple, small.town_deg.tolist())) < large
  other = geography.Geography(1, 2000, 1)
  # 28 in common if drawn evenly, some more where countries have few towns.
  assert len(large.intersection(map(tuple, other.town_deg.tolist()))) < 80


def test_sights_lie_around_towns_most_around_the_largest(earth):
  assert earth.sight_deg.shape == (2500, 2)
  town = earth.nearest_town(earth.sight_deg)
  gap_km = distance.haversine_km(earth.sight_deg, earth.town_deg[town])
  assert gap_km.max() < 15  # 3.5 · 3 km along each axis.
  # Weights 1/(rank + 15): the first 100 towns have (H(114) − H(14)) of
  # H(2014) − H(14), 2.07 of 4.94.
  assert np.mean(town < 100) == pytest.approx(0.42, abs=0.04)
