"""Pairs by id, author, sequence, day and place, on tables one can read."""

import numpy as np
from pinpoint_jax.audit import pairs
import pytest

from tests.fixtures import tiny_audit as tiny

# 0.0001° of latitude are 11.1 m, 0.005° are 556 m.
QUERIES = tiny.queries(['q', 'own', 'far'], [[10, 20], [0, 0], [50, 50]],
                       ['anna', '', 'bob'], ['', 'd1', ''])
NEAR = {'near_25m': .025, 'near_1km': 1.}


def table(**changes):
  given = dict(
      ids=['a', 'b', 'own', 'c', 'd'],
      latlng_deg=[[10.0001, 20], [10.005, 20], [0, 0], [0, 0], [10, 20]],
      authors=['anna', '', '', 'bob', 'anna'],
      sequences=['', 'd1', 'd1', 'd1', 'd1'], source=[0, 0, 0, 0, 1])
  return tiny.rows(**(given | changes))


def found(days=None, **changes):
  kinds = pairs.of_tables(QUERIES, table(**changes), NEAR, days)
  return {name: tiny.listed(one) for name, one in kinds.items()}


def test_every_kind_by_hand():
  assert found() == {
      'id': [(1, 2)],
      # Row 4 is a street view: its anna is another, and so is its d1.
      'same_author': [(0, 0), (2, 3)],
      'same_sequence': [(1, 1), (1, 3)],
      'near_25m': [(0, 0), (0, 4), (1, 3)],
      'near_1km': [(0, 0), (0, 1), (0, 4), (1, 3)]}


def test_deleted_rows_are_in_no_pair():
  assert found(removed=[0, 2]) == {
      'id': [], 'same_author': [(2, 3)],
      # Its own row is gone and no longer set apart.
      'same_sequence': [(1, 1), (1, 3)],
      'near_25m': [(0, 4), (1, 3)], 'near_1km': [(0, 1), (0, 4), (1, 3)]}


def test_a_day_is_shared_only_near_by():
  days = {'queries': np.array(['2024-05-31', '', '2024-05-31']),
          'rows': np.array(['2024-05-31', '2024-05-31', '', '2024-05-31',
                            '2024-06-01'])}
  assert found(days)['same_day'] == [(0, 0), (0, 1)]


def test_values_are_kilometres():
  near = pairs.near(QUERIES, table(), 1.)
  np.testing.assert_allclose(near.values, [.01112, .55598, 0, 0, 0], atol=1e-5)
  np.testing.assert_allclose(pairs.apart_km(QUERIES, table(), near),
                             near.values, atol=1e-9)


def test_a_pair_that_comes_twice_counts_once_with_its_best_value():
  one = pairs.collected(2, np.array([1, 1, 0]), np.array([5, 5, 7]),
                        np.array([.2, .9, .3]))
  assert tiny.listed(one) == [(0, 7), (1, 5)]
  np.testing.assert_array_equal(one.values, [.3, .9])
  np.testing.assert_array_equal(one.touched(), [1, 1])


@pytest.mark.parametrize('ids, rows', [(['b', 'x'], [1, -1]), (['own'], [2])])
def test_ids_are_found(ids, rows):
  assert table().find(np.asarray(ids)).tolist() == rows
  assert table(removed=[2]).find(np.asarray(['own'])).tolist() == [-1]
