"""Exact search against a plain numpy twin, and its invariances."""

import numpy as np
from pinpoint_jax.retrieval import exact
import pytest


def unit_rows(rows, dim=16, seed=0):
  vectors = np.random.default_rng(seed).normal(size=(rows, dim))
  vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
  return vectors.astype(np.float32)


def test_equals_a_plain_sort():
  queries, gallery = unit_rows(7, seed=1), unit_rows(50, seed=2)
  found = exact.search(queries, gallery, 5)
  expected = np.argsort(-(queries @ gallery.T), axis=1, kind='stable')[:, :5]
  np.testing.assert_array_equal(found.rows, expected)
  np.testing.assert_allclose(
      found.scores, np.take_along_axis(queries @ gallery.T, expected, 1),
      atol=1e-6)


def test_ties_go_to_the_lower_row():
  gallery = np.repeat(unit_rows(1), 4, axis=0)
  found = exact.search(gallery[:1], gallery, 3)
  assert found.rows.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize('batch', [1, 7, 64, 256])
def test_answers_do_not_depend_on_the_batch(batch):
  queries, gallery = unit_rows(300, seed=1), unit_rows(500, seed=2)
  whole = exact.search(queries, gallery, 4)
  for start in range(0, 300, batch):
    part = exact.search(queries[start:start + batch], gallery, 4)
    np.testing.assert_array_equal(part.rows, whole.rows[start:start + batch])
    np.testing.assert_array_equal(
        part.scores, whole.scores[start:start + batch])


def test_a_shared_group_is_never_an_answer():
  vectors = unit_rows(6)
  groups = np.asarray([0, 0, 1, 1, 2, 2], np.int32)
  found = exact.search(vectors, vectors, 6, groups, groups)
  for query, rows in enumerate(found.rows):
    kept = rows[rows >= 0]
    assert len(kept) == 4
    assert not np.isin(groups[kept], groups[query]).any()
  assert np.isneginf(found.scores[found.rows < 0]).all()


def test_more_asked_than_there_is_pads():
  found = exact.search(unit_rows(2), unit_rows(3, seed=2), 5)
  assert found.rows.shape == (2, 5)
  assert (found.rows[:, 3:] == -1).all()
  empty = exact.search(unit_rows(2), np.zeros((0, 16), np.float32), 2)
  assert (empty.rows == -1).all()


def test_a_shuffled_gallery_gives_the_same_rows_under_other_numbers():
  queries, gallery = unit_rows(9, seed=1), unit_rows(200, seed=2)
  order = np.random.default_rng(3).permutation(200)
  found = exact.search(queries, gallery, 6)
  shuffled = exact.search(queries, gallery[order], 6)
  np.testing.assert_array_equal(order[shuffled.rows], found.rows)
  np.testing.assert_allclose(shuffled.scores, found.scores, atol=1e-6)


def test_shuffled_queries_give_shuffled_answers():
  queries, gallery = unit_rows(300, seed=1), unit_rows(50, seed=2)
  order = np.random.default_rng(3).permutation(300)
  found = exact.search(queries, gallery, 4)
  shuffled = exact.search(queries[order], gallery, 4)
  np.testing.assert_array_equal(shuffled.rows, found.rows[order])


def test_fewer_asked_are_the_first_of_more():
  queries, gallery = unit_rows(20, seed=1), unit_rows(80, seed=2)
  more = exact.search(queries, gallery, 40)
  for k in (1, 7, 39):
    np.testing.assert_array_equal(
        exact.search(queries, gallery, k).rows, more.rows[:, :k])
  assert (np.diff(more.scores, axis=1) <= 0).all()


def test_ties_between_duplicates_are_broken_by_row_everywhere():
  # Every vector stands in rows i, i + 10 and i + 20.
  vectors = unit_rows(10, seed=4)
  found = exact.search(vectors, np.concatenate([vectors] * 3), 3)
  expected = np.arange(10)[:, None] + [0, 10, 20]
  np.testing.assert_array_equal(found.rows, expected)


def test_a_query_whose_whole_gallery_is_filtered_has_no_answer():
  vectors = unit_rows(3)
  found = exact.search(vectors[:2], vectors, 2, np.asarray([5, 6]),
                       np.asarray([5, 5, 5]))
  assert found.rows[0].tolist() == [-1, -1]
  assert (found.rows[1] >= 0).all()


@pytest.mark.parametrize('base', [0, 2**32, -2**40])
def test_groups_are_compared_in_full_width(base):
  # 1 and 2**32 + 1 are one number in 32 bits, and two groups.
  vectors = np.eye(3, dtype=np.float32)
  found = exact.search(vectors[:1], vectors, 1, np.asarray([1]),
                       np.asarray([base + 1, 8, 9]))
  assert found.rows[0, 0] == (1 if base == 0 else 0)


def test_groups_of_one_side_alone_are_refused():
  vectors = unit_rows(3)
  with pytest.raises(ValueError, match='both or neither'):
    exact.search(vectors, vectors, 1, np.zeros(3, np.int32))
  with pytest.raises(ValueError, match='both or neither'):
    exact.search(vectors, vectors, 1, None, np.zeros(3, np.int32))


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_gallery_row_that_is_no_number_must_not_win(value):
  queries, gallery = np.abs(unit_rows(2, seed=1)), unit_rows(5, seed=2)
  gallery[3] = value
  with pytest.raises(ValueError, match='query 0 against gallery row 3'):
    exact.search(queries, gallery, 1)


def test_a_bad_query_is_named_by_its_own_number():
  queries, gallery = unit_rows(300, seed=1), unit_rows(5, seed=2)
  queries[270, 0] = np.nan  # In the second block of 256.
  with pytest.raises(ValueError, match='query 270 against'):
    exact.search(queries, gallery, 1)


def test_nothing_asked_is_nothing_answered():
  found = exact.search(np.zeros((0, 16), np.float32), unit_rows(3), 2)
  assert found.rows.shape == found.scores.shape == (0, 2)
