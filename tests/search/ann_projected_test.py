"""A short projection finds, the full rows decide."""

import numpy as np
from pinpoint_jax.search import ann, ann_files, ann_projected, ann_scann, exact
from pinpoint_jax.search import vectors as vectors_lib
import pytest

BRUTE = ann.Settings(0)


def low_rank(num_rows: int, seed: int = 0) -> np.ndarray:
  """Unit rows of 48 numbers of which 8 directions explain nearly all."""
  basis = np.random.default_rng(9).normal(size=(8, 48))
  rng = np.random.default_rng(seed)
  rows = rng.normal(size=(num_rows, 8)) @ basis
  rows += 0.1 * rng.normal(size=rows.shape)
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def projected(rows: np.ndarray, num_dims: int = 8):
  vectors = vectors_lib.Vectors(rows)
  matrix = ann_projected.fit(vectors, num_dims)
  inner = ann_scann.ScannIndex.build(
      ann_projected.project(vectors, matrix), BRUTE, 'inner')
  return ann_projected.ProjectedIndex(inner, matrix, vectors, 'rows')


def test_fit_keeps_directions_in_order_of_their_strength():
  rows = np.diag([1., 3., 2., 0.5]).astype(np.float32)
  matrix = ann_projected.fit(vectors_lib.Vectors(rows), 2)
  np.testing.assert_allclose(matrix, np.eye(4)[:, [1, 2]], atol=1e-6)


def test_fit_repeats_and_is_orthonormal():
  vectors = vectors_lib.Vectors(low_rank(500))
  matrix = ann_projected.fit(vectors, 8)
  np.testing.assert_array_equal(matrix, ann_projected.fit(vectors, 8))
  np.testing.assert_allclose(matrix.T @ matrix, np.eye(8), atol=1e-5)


def test_answers_are_those_of_exact_search():
  rows, queries = low_rank(2000), low_rank(50, seed=1)
  actual = projected(rows).search(queries, 5)
  wanted = exact.search(queries, rows, 5)
  np.testing.assert_array_equal(actual.rows, wanted.rows)
  np.testing.assert_allclose(actual.scores, wanted.scores, rtol=1e-5)


def test_equal_rows_come_in_order():
  rows = low_rank(300)
  rows[[250, 40, 120]] = rows[7]
  actual = projected(rows).search(rows[7:8], 4)
  np.testing.assert_array_equal(actual.rows, [[7, 40, 120, 250]])


@pytest.mark.parametrize('batch', [1, 7, 64])
def test_answers_do_not_depend_on_the_batch(batch):
  index, queries = projected(low_rank(2000)), low_rank(130, seed=1)
  whole = index.search(queries, 5)
  parts = [index.search(queries[i:i + batch], 5)
           for i in range(0, len(queries), batch)]
  np.testing.assert_array_equal(
      np.concatenate([one.rows for one in parts]), whole.rows)
  np.testing.assert_array_equal(
      np.concatenate([one.scores for one in parts]), whole.scores)


def test_more_asked_than_there_is():
  actual = projected(low_rank(3)).search(low_rank(2, seed=1), 5)
  assert (actual.rows[:, 3:] == -1).all()
  assert np.isneginf(actual.scores[:, 3:]).all()
  assert projected(low_rank(3)).search(low_rank(0), 5).rows.shape == (0, 5)


def test_saved_and_loaded(tmp_path):
  index, queries = projected(low_rank(500)), low_rank(9, seed=1)
  index.save(tmp_path / 'index')
  (tmp_path / 'index').rename(tmp_path / 'moved')
  vectors = vectors_lib.Vectors(low_rank(500))
  loaded = ann_projected.ProjectedIndex.load(
      tmp_path / 'moved', vectors, 'rows', ann_scann.ScannIndex.load)
  np.testing.assert_array_equal(
      loaded.search(queries, 5).scores, index.search(queries, 5).scores)
  with pytest.raises(ValueError, match='fingerprint rows.* others'):
    ann_projected.ProjectedIndex.load(
        tmp_path / 'moved', vectors, 'others', ann_scann.ScannIndex.load)


def test_a_changed_matrix_or_inner_file_is_refused(tmp_path):
  projected(low_rank(500)).save(tmp_path / 'index')
  for name in ('projection.npy', 'inner/dataset.npy'):
    path = tmp_path / 'index' / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match=f'{name} was changed'):
      ann_files.read(tmp_path / 'index')
    path.write_bytes(content)


def test_rows_that_are_not_finite_are_named():
  rows = low_rank(50)
  rows[31, 3] = np.nan
  with pytest.raises(ValueError, match='row 31'):
    ann_projected.project(vectors_lib.Vectors(rows), np.eye(48, 4, dtype='f4'))
