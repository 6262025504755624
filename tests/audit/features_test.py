"""Similar features against a plain table of all cosines."""

import numpy as np
from pinpoint_jax.audit import features
from pinpoint_jax.search import row_sets, vectors
import pytest

from tests.fixtures import tiny_audit as tiny

DIM = 12


def unit(count, seed):
  rows = np.random.default_rng(seed).normal(size=(count, DIM))
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def names(prefix, count):
  return [f'{prefix}{i}' for i in range(count)]


def case(num_rows=60, removed=(), places=None, authors=None):
  """Twenty queries, of which the first five are almost rows 0 to 4."""
  rows, asked = unit(num_rows, 0), unit(20, 1)
  asked[:5] = rows[:5] + .02 * unit(5, 2)
  asked /= np.linalg.norm(asked, axis=1, keepdims=True)
  queries = tiny.queries(names('q', 20), np.zeros((20, 2)))
  # All rows are 111 km from all queries, so that all are strangers.
  table = tiny.rows(names('r', num_rows),
                    np.tile([1., 0], (num_rows, 1)) if places is None
                    else places, authors, removed=removed,
                    raw=(rows[:23], rows[23:]))
  return queries, vectors.Vectors(asked), table, asked @ rows.T


def test_pairs_are_all_above_a_given_threshold():
  queries, asked, table, cosines = case()
  alike = features.find(queries, asked, table, .5)
  assert tiny.listed(alike.pairs) == list(zip(*map(
      np.ndarray.tolist, np.nonzero(cosines >= .5))))
  np.testing.assert_allclose(alike.pairs.values, cosines[cosines >= .5],
                             atol=1e-6)
  assert alike.threshold == .5 and alike.num_full == 0


def test_more_similar_rows_than_are_looked_at_first_are_all_found():
  queries, asked, table, cosines = case(200)
  alike = features.find(queries, asked, table, -.9)  # Nearly all are.
  assert len(alike.pairs) == (cosines >= -.9).sum() > 3900


def test_deleted_rows_are_not_found():
  queries, asked, table, cosines = case(removed=[1, 30])
  cosines[:, [1, 30]] = -1
  alike = features.find(queries, asked, table, .5)
  assert tiny.listed(alike.pairs) == list(zip(*map(
      np.ndarray.tolist, np.nonzero(cosines >= .5))))


def test_strangers_are_by_others_and_far_away():
  places = np.tile([1., 0], (60, 1))
  places[:3] = [.1, 0]  # Rows 0 to 2 are 11 km from the queries,
  authors = [''] * 60
  authors[3] = 'anna'  # row 3 is by the author of query 3,
  queries, asked, table, cosines = case(places=places, authors=authors)
  queries = tiny.queries(queries.ids, queries.latlng_deg,
                         ['', '', '', 'anna'] + [''] * 16)
  alike = features.find(queries, asked, table)
  known = cosines.copy()
  known[:, :3] = -1
  known[3, 3] = -1
  np.testing.assert_allclose(alike.strangers, known.max(axis=1), atol=1e-6)
  # and row 4 is a copy by a stranger, which raises the threshold above itself.
  assert alike.threshold > alike.strangers[4] > .99
  assert (4, 4) not in tiny.listed(alike.pairs)


def test_the_threshold_lets_one_query_in_a_thousand_pass():
  strangers = np.arange(3000) / 3000
  threshold = features.chosen_threshold(strangers)
  assert (strangers >= threshold).sum() == 3
  # Of fewer the highest counts, and is no pair itself.
  assert (strangers[:500] >= features.chosen_threshold(
      strangers[:500])).sum() == 0


def test_where_no_stranger_is_among_the_nearest_the_last_bounds_them():
  queries, asked, table, cosines = case(places=np.zeros((60, 2)))
  alike = features.find(queries, asked, table, .5)
  assert alike.num_bounds == 20
  np.testing.assert_allclose(
      alike.strangers, np.sort(cosines, axis=1)[:, -32], atol=1e-6)


def test_hidden_rows_are_passed_over():
  queries, asked, table, cosines = case()
  alike = features.find(queries, asked, table, .5)
  hidden = row_sets.from_counts(np.array([0, 1]), np.array([1, 1] + [0] * 18))
  cosines[0, 0] = cosines[1, 1] = -1
  best = alike.search.nearest(np.arange(20), 1, hidden).rows[:, 0]
  np.testing.assert_array_equal(best, cosines.argmax(axis=1))


def test_features_made_otherwise_are_refused():
  table = tiny.rows(['r'], [[0, 0]])
  object.__setattr__(table, 'made', {'photo': {
      'backbone': 'x', 'weight_hash': '1', 'preprocess': 'p', 'dim': 4}})
  with pytest.raises(ValueError, match="photo backbone 'x' → 'y'"):
    features.check_comparable('photo', {
        'backbone': 'y', 'weight_hash': '1', 'preprocess': 'p', 'dim': 4},
                              table)
