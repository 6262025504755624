"""The index against a table of all distances."""

import numpy as np
from pinpoint_jax.geo import coords, distance, neighbors
import pytest


def _places(n: int, seed: int) -> np.ndarray:
  """Random places, a third by the poles, a third by the antimeridian."""
  rng = np.random.default_rng(seed)
  lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, n)))
  lng = rng.uniform(-180, 180, n)
  lat[::3] = np.sign(lat[::3]) * rng.uniform(89, 90, len(lat[::3]))
  lng[1::3] = np.sign(lng[1::3]) * rng.uniform(179, 180, len(lng[1::3]))
  return np.stack([lat, lng], axis=1)


def _brute(index: np.ndarray, queries: np.ndarray) -> np.ndarray:
  return distance.haversine_km(queries[:, None], index[None])


@pytest.mark.parametrize('radius_km', [0, 1., 50., 1500., 12000., 20010., 3e4])
def test_within_is_brute_force(radius_km):
  index, queries = _places(300, 0), _places(60, 1)
  result = neighbors.SphereIndex(index).within_km(queries, radius_km)
  table = _brute(index, queries)
  assert len(result) == 60 and result.rows.dtype == np.int64
  for query, dist_km in enumerate(table):
    order = np.lexsort((np.arange(300), dist_km))
    want = order[dist_km[order] <= radius_km]
    np.testing.assert_array_equal(result.of(query), want)
  np.testing.assert_allclose(
      result.dist_km, np.concatenate([np.sort(d[d <= radius_km])
                                      for d in table]), rtol=1e-12)


def test_counts_are_those_of_the_lists():
  rng = np.random.default_rng(5)
  places = np.stack([rng.uniform(-90, 90, 400), rng.uniform(-180, 180, 400)], 1)
  index = neighbors.SphereIndex(places)
  listed = np.diff(index.within_km(places[:50], 2000).offsets)
  np.testing.assert_array_equal(
      index.count_within_km(places[:50], 2000), listed)
  assert index.count_within_km(places[:1], 0).tolist() == [1]
  assert neighbors.SphereIndex(places[:0]).count_within_km(
      places[:2], 25).tolist() == [0, 0]


@pytest.mark.parametrize('k', [1, 3, 40])
def test_nearest_is_brute_force(k, monkeypatch):
  monkeypatch.setattr(neighbors, '_BLOCK', 17)
  index, queries = _places(300, 2), _places(60, 3)
  result = neighbors.SphereIndex(index).nearest(queries, k)
  table = _brute(index, queries)
  want = np.argsort(table, axis=1, kind='stable')[:, :k]
  np.testing.assert_array_equal(result.rows, want)
  np.testing.assert_allclose(
      result.dist_km, np.take_along_axis(table, want, axis=1), rtol=1e-12)


def test_boundary_is_inside():
  index, query = np.array([[0., 1.]]), np.array([[0., 0.]])
  edge = float(distance.haversine_km(query, index)[0])
  result = neighbors.SphereIndex(index).within_km(query, edge)
  np.testing.assert_array_equal(result.rows, [0])
  less = neighbors.SphereIndex(index).within_km(query, np.nextafter(edge, 0))
  assert len(less.rows) == 0


def test_ties_go_to_the_lower_row():
  index = np.repeat([[5., 180.], [50., 0.]], [6, 2], axis=0)
  index[1::2, 1] *= -1  # -180 is the same meridian.
  result = neighbors.SphereIndex(index).nearest(np.array([[5., 179.]]), 4)
  np.testing.assert_array_equal(result.rows, [[0, 1, 2, 3]])
  near = neighbors.SphereIndex(index).within_km(np.array([[5., -179.]]), 200)
  np.testing.assert_array_equal(near.rows, np.arange(6))


def test_pole_and_antimeridian_by_hand():
  index = np.array([[89., 0.], [89., 180.], [0., 179.], [0., -170.]])
  result = neighbors.SphereIndex(index).nearest(
      np.array([[89.5, 179.], [0., -179.]]), 1)
  np.testing.assert_array_equal(result.rows, [[1], [2]])


def test_fewer_than_k_are_padded():
  result = neighbors.SphereIndex(np.array([[1., 1.]])).nearest(
      np.array([[1., 2.], [3., 4.]]), 3)
  np.testing.assert_array_equal(result.rows, [[0, -1, -1]] * 2)
  assert np.all(np.isinf(result.dist_km[:, 1:]))


def test_empty_index_and_no_queries():
  nothing = np.zeros((0, 2))
  empty = neighbors.SphereIndex(nothing)
  assert len(empty) == 0
  assert np.all(empty.nearest(np.ones((2, 2)), 2).rows == -1)
  np.testing.assert_array_equal(
      empty.within_km(np.ones((2, 2)), 100).offsets, [0, 0, 0])
  full = neighbors.SphereIndex(np.ones((3, 2)))
  assert full.nearest(nothing, 2).rows.shape == (0, 2)
  np.testing.assert_array_equal(full.within_km(nothing, 1.).offsets, [0])


def test_bad_questions_are_refused():
  index = neighbors.SphereIndex(np.ones((3, 2)))
  with pytest.raises(ValueError, match='radius_km is -1'):
    index.within_km(np.ones((1, 2)), -1.)
  with pytest.raises(ValueError, match='radius_km is nan'):
    index.within_km(np.ones((1, 2)), float('nan'))
  with pytest.raises(ValueError, match='k is 0'):
    index.nearest(np.ones((1, 2)), 0)
  with pytest.raises(coords.BadCoordinates, match='queries'):
    index.nearest(np.array([[91., 0.]]), 1)
  with pytest.raises(coords.BadCoordinates, match='index'):
    neighbors.SphereIndex(np.array([[np.nan, 0.]]))
  with pytest.raises(IndexError, match='query 1'):
    index.within_km(np.ones((1, 2)), 1.).of(1)
