"""Lists against a table of all distances, ties and crowds included."""

import numpy as np
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.geo import distance
import pytest


def _sources(n: int, seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).integers(0, 2, n).astype(np.uint8)


def _check(places: np.ndarray, sources: np.ndarray) -> None:
  actual = neighbours.build_lists(places, sources)
  table = distance.haversine_km(places[:, None], places[None])
  for source, lists in enumerate(actual):
    for row, dist_km in enumerate(table):
      order = np.lexsort((np.arange(len(places)), dist_km))
      listed = order[(sources == source)[order]]
      want = listed[dist_km[listed] <= 25][:33]
      np.testing.assert_array_equal(lists.of(row), want)
      start = lists.starts[row]
      np.testing.assert_allclose(
          lists.dist_km[start:start + len(want)], dist_km[want], rtol=1e-6,
          atol=1e-8)


def _around(center, spread_deg: float, n: int, seed: int = 1) -> np.ndarray:
  places = np.random.default_rng(seed).normal(0, spread_deg, (n, 2)) + center
  places[:, 0] = np.clip(places[:, 0], -90, 90)
  places[:, 1] = (places[:, 1] + 180) % 360 - 180
  return places


@pytest.mark.parametrize('center', [[48., 2.], [0., 180.], [90., 0.],
                                    [-89.9, 179.]])
@pytest.mark.parametrize('spread_deg', [.02, .2])
def test_lists_are_brute_force(center, spread_deg):
  _check(_around(center, spread_deg, 400), _sources(400))


@pytest.mark.parametrize('decimals', [1, 2])
def test_lattices_and_shared_places_tie_by_row(decimals):
  places = np.round(_around([0., 20.], .08, 400), decimals)
  _check(places, _sources(400))


def test_one_place_with_more_rows_than_a_list_holds():
  places = np.repeat([[10., 180.], [10.1, 180.]], [200, 9], axis=0)
  places[::3, 1] *= -1  # The same meridian under its other name.
  _check(places[np.random.default_rng(0).permutation(209)], _sources(209))


def test_the_edge_is_inside():
  # Within the rounding of the tree, either side of 25 km.
  step = np.rad2deg(25 / distance.EARTH_RADIUS_KM)
  places = np.array([[0., 0.], [0., step * (1 - 1e-13)],
                     [0., step * (1 + 1e-13)]])
  assert np.all((distance.haversine_km(places[:1], places) <= 25)
                == [True, True, False])
  _, street = neighbours.build_lists(places, np.array([0, 1, 1], np.uint8))
  assert street.of(0).tolist() == [1]


def test_blocks_change_nothing(monkeypatch):
  places, sources = _around([48., 2.], .1, 300), _sources(300)
  whole = neighbours.build_lists(places, sources)
  monkeypatch.setattr(neighbours, '_BLOCK', 17)
  parts = neighbours.build_lists(places, sources)
  for one, other in zip(whole, parts, strict=True):
    for row in range(300):
      np.testing.assert_array_equal(one.of(row), other.of(row))


@pytest.mark.parametrize('n', [0, 5])
def test_one_source_alone_is_near_itself(n):
  photo, street = neighbours.build_lists(
      np.ones((n, 2)), np.zeros(n, np.uint8))
  assert len(photo) == len(street) == n
  assert (photo.counts == n).all()
  assert not street.counts.any() and not len(street.rows)


def test_rows_at_one_place_share_a_list():
  photo, _ = neighbours.build_lists(np.ones((9, 2)), np.zeros(9, np.uint8))
  assert photo.rows.tolist() == list(range(9))
  assert len(np.unique(photo.starts)) == 1
