"""Sets of rows against Python sets."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import distance, neighbors
from pinpoint_jax.search import row_sets
import pytest


def _random(seed: int, num_queries: int = 40, num_rows: int = 60):
  rng = np.random.default_rng(seed)
  sets = [np.flatnonzero(rng.random(num_rows) < rng.uniform(0, .4))
          for _ in range(num_queries)]
  return row_sets.from_counts(
      np.concatenate(sets), np.asarray([len(rows) for rows in sets]))


def test_union_is_pythons():
  a, b, c = (_random(seed) for seed in range(3))
  result = row_sets.union(a, b, c)
  for query in range(40):
    want = set(a.of(query)) | set(b.of(query)) | set(c.of(query))
    assert result.of(query).tolist() == sorted(want)


def test_union_of_other_queries_is_refused():
  with pytest.raises(ValueError, match=r'\[1, 2\] queries'):
    row_sets.union(row_sets.none(1), row_sets.none(2))


def test_own_rows_by_hand():
  result = row_sets.own_rows(np.array([7, -1, 3]))
  assert [result.of(q).tolist() for q in range(3)] == [[7], [], [3]]


def test_same_code_is_a_comparison_and_unknown_is_nobody():
  rng = np.random.default_rng(0)
  queries, gallery = rng.integers(-1, 6, 30), rng.integers(-1, 5, 200)
  result = row_sets.same_code(queries, gallery)
  assert result.rows.dtype == np.int64
  for query, code in enumerate(queries):
    want = np.flatnonzero(gallery == code) if code >= 0 else []
    np.testing.assert_array_equal(result.of(query), want)


@pytest.mark.parametrize('shift', [[0., 0.], [89., 0.], [0., 180.]])
def test_radius_is_brute_force_for_each_query(shift):
  rng = np.random.default_rng(1)
  # Around 89 north, longitudes a degree apart lie within 2 km.
  places = np.round(rng.normal(0, .01, (300, 2)), 3) + shift
  places[:, 1] = (places[:, 1] + 180) % 360 - 180
  radii = rng.choice([0., .1, 1.], 50)
  result = row_sets.within_radius(
      neighbors.SphereIndex(places), places[:50], radii)
  table = distance.haversine_km(places[:50, None], places[None])
  for query, radius in enumerate(radii):
    want = np.flatnonzero(table[query] <= radius) if radius else []
    np.testing.assert_array_equal(result.of(query), want)


@pytest.mark.parametrize('radius', [-1, np.nan])
def test_bad_radius_is_refused(radius):
  with pytest.raises(ValueError, match='radius_km'):
    row_sets.within_radius(
        neighbors.SphereIndex(np.ones((1, 2))), np.ones((1, 2)), radius)


def test_contains_is_pythons():
  sets = _random(4)
  rows = np.random.default_rng(5).integers(-1, 70, (40, 30))
  result = row_sets.contains(sets, rows)
  for query in range(40):
    known = set(sets.of(query))
    assert result[query].tolist() == [row in known for row in rows[query]]


def test_minus_one_is_in_no_set_beside_the_last_row():
  # -1 of query 1 must not become the highest row of query 0.
  sets = types.RowSets(np.array([2 ** 32 - 1]), np.array([0, 1, 1]))
  assert not row_sets.contains(sets, np.array([[-1], [-1]])).any()


def test_ranges_by_hand():
  result = row_sets.ranges(np.array([5, 0, 9]), np.array([2, 0, 3]))
  assert result.tolist() == [5, 6, 9, 10, 11]
