"""faiss behind our interface; runs only where faiss is installed."""

import os
import pathlib

import numpy as np
from pinpoint_jax.search import ann, ann_files, ann_tuning, exact, vectors
import pytest

pytest.importorskip('faiss')
from pinpoint_jax.search import ann_faiss

BRUTE = ann.Settings(0)
TREE = ann.Settings(
    40, training_rows=4000, leaves_to_search=10, reorder=60)


def unit(num_rows: int, dim: int = 32, seed: int = 0) -> np.ndarray:
  rows = np.random.default_rng(seed).normal(size=(num_rows, dim))
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def build(rows: np.ndarray, settings=BRUTE) -> ann_faiss.FaissIndex:
  return ann_faiss.FaissIndex.build(
      vectors.Vectors(rows), settings, 'fingerprint')


@pytest.fixture(scope='module')
def tree():
  return build(unit(4000), TREE)


def test_it_is_an_index(tree):
  assert isinstance(tree, ann.Index) and isinstance(tree, ann_tuning.Tunable)


@pytest.mark.parametrize('num_rows', [0, 1, 5, 300])
def test_brute_is_exact_search(num_rows):
  rows, queries = unit(num_rows), unit(19, seed=1)
  actual, wanted = build(rows).search(queries, 12), exact.search(
      queries, rows, 12)
  np.testing.assert_array_equal(actual.rows, wanted.rows)
  np.testing.assert_allclose(actual.scores, wanted.scores, rtol=2e-6, atol=1e-6)


def test_a_tree_searched_whole_is_exact_search(tree):
  queries = unit(50, seed=1)
  actual = tree.with_effort(40, 2000).search(queries, 20)
  np.testing.assert_array_equal(
      actual.rows, exact.search(queries, unit(4000), 20).rows)


@pytest.mark.parametrize('settings', [BRUTE, TREE])
@pytest.mark.parametrize('batch', [1, 7, 64, 256])
def test_answers_do_not_depend_on_the_batch(settings, batch, tree):
  built = tree if settings is TREE else build(unit(4000))
  queries = unit(300, seed=1)
  whole = built.search(queries, 12)
  for start in range(0, len(queries), batch):
    part = slice(start, start + batch)
    actual = built.search(queries[part], 12)
    np.testing.assert_array_equal(actual.rows, whole.rows[part])
    np.testing.assert_array_equal(actual.scores, whole.scores[part])


def test_lists_shorter_than_k_are_padded(tree):
  actual = tree.with_effort(1, 60).search(unit(20, seed=1), 3000)
  missing = actual.rows == -1
  assert missing.any(axis=1).all() and not missing[:, 0].any()
  assert np.isneginf(actual.scores[missing]).all()


def test_refusals(tree):
  rows = unit(300)
  rows[17] = np.nan
  with pytest.raises(ValueError, match='1 of 300 rows'):
    build(rows)
  with pytest.raises(ValueError, match='soar_lambda is for ScaNN'):
    build(unit(300), ann.Settings(10, soar_lambda=1.5))
  with pytest.raises(ValueError, match='does not divide dim 7'):
    build(unit(300, dim=7), ann.Settings(10))
  with pytest.raises(ValueError, match='8 numbers'):
    tree.search(unit(2, dim=8), 5)


def test_moved_relative_damaged(tmp_path, tree, monkeypatch):
  monkeypatch.chdir(tmp_path)
  tree.save(pathlib.Path('first'))
  os.rename('first', 'second')
  loaded = ann_faiss.FaissIndex.load(
      pathlib.Path('second'), ann_files.IndexSource(4000, 32, 'fingerprint'))
  queries = unit(20, seed=1)
  np.testing.assert_array_equal(
      loaded.search(queries, 12).scores, tree.search(queries, 12).scores)
  path = tmp_path / 'second' / 'faiss.index'
  content = path.read_bytes()
  path.write_bytes(content[:500] + bytes([content[500] ^ 4]) + content[501:])
  with pytest.raises(ValueError, match='faiss.index was changed'):
    ann_faiss.FaissIndex.load(tmp_path / 'second')
