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
