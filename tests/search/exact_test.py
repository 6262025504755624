"""Exact search: both engines against a plain twin, and its invariances."""

from concurrent import futures

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import exact, row_sets, scan, vectors
import pytest

ENGINES = ('scan', 'sharded')


@pytest.fixture(autouse=True)
def threads(monkeypatch):
  """Also few rows are searched by threads, as many are."""
  monkeypatch.setattr(scan, '_FEW_PRODUCTS', 0)


def unit_rows(rows, dim=16, seed=0):
  found = np.random.default_rng(seed).normal(size=(rows, dim))
  found /= np.linalg.norm(found, axis=1, keepdims=True)
  return found.astype(np.float32)


def plain(queries, gallery, k, excluded=None, allowed=None):
  """Every score in float64, rounded, sorted by (score, row)."""
  rows = np.full((len(queries), k), -1, np.int64)
  scores = np.full((len(queries), k), -np.inf, np.float32)
  for i, query in enumerate(queries.astype(np.float64)):
    score = (gallery * query).sum(axis=1).astype(np.float32)
    left = np.arange(len(gallery)) if allowed is None else allowed
    if excluded is not None:
      left = np.setdiff1d(left, excluded.of(i))
    best = left[np.lexsort((left, -score[left]))][:k]
    rows[i, :len(best)], scores[i, :len(best)] = best, score[best]
  return types.Candidates(rows, scores)


def assert_same(found, expected):
  np.testing.assert_array_equal(found.rows, expected.rows)
  np.testing.assert_array_equal(found.scores, expected.scores)


def random_sets(queries, rows, most, seed=0):
  rng = np.random.default_rng(seed)
  sets = [np.sort(rng.choice(rows, rng.integers(0, most), replace=False))
          for _ in range(queries)]
  return types.RowSets(np.concatenate(sets).astype(np.int64),
                       np.cumsum([0, *map(len, sets)]))


def stored(kind, rows):
  if kind == 'int8':
    return vectors.quantise(rows)
  return vectors.Vectors(rows.astype(kind))


@pytest.mark.parametrize('kind', ['float32', 'float16', 'int8'])
@pytest.mark.parametrize('engine', ENGINES)
def test_equals_the_plain_twin_to_the_bit(engine, kind):
  # More than one block of the scan, and rows that no device count divides.
  held = stored(kind, unit_rows(5003, seed=2))
  queries = unit_rows(9, seed=1)
  twin = held.block(0, 5003)
  assert_same(exact.search(queries, held, 7, engine=engine),
              plain(queries, twin, 7))
  excluded = random_sets(9, 5003, 3000)
  assert_same(exact.search(queries, held, 50, excluded, engine=engine),
              plain(queries, twin, 50, excluded))


@pytest.mark.parametrize('engine', ENGINES)
def test_a_region_and_exclusions_in_it(engine):
  queries, gallery = unit_rows(5, seed=1), unit_rows(3000, seed=2)
  allowed = np.flatnonzero(np.random.default_rng(3).random(3000) < .5)
  excluded = random_sets(5, 3000, 900)
  assert_same(exact.search(queries, gallery, 9, excluded, allowed, engine),
              plain(queries, gallery, 9, excluded, allowed))


def test_rows_outside_a_region_are_not_read():
  gallery = unit_rows(20)
  gallery[[0, 7]] = np.nan
  found = exact.search(unit_rows(2, seed=1), gallery, 3,
                       allowed=np.asarray([3, 9]))
  assert np.sort(found.rows, axis=1).tolist() == [[-1, 3, 9]] * 2


@pytest.mark.parametrize('engine', ENGINES)
def test_thousands_of_equal_rows(engine):
  # At the cut stand 4000 copies: the lowest rows among them must win.
  best, copied = unit_rows(3, seed=1), unit_rows(1, seed=2)
  gallery = np.concatenate([np.repeat(copied, 4000, axis=0), best])
  queries = np.concatenate([copied, best])
  assert_same(exact.search(queries, gallery, 40, engine=engine),
              plain(queries, gallery, 40))
  assert exact.search(copied, gallery, 3, engine=engine).rows.tolist() == [
      [0, 1, 2]]


@pytest.mark.parametrize('engine', ENGINES)
def test_floods_of_near_ties_in_rising_order(engine):
  # Scores differ by a few units in the last place, and rise with the row, so
  # that each block of the scan brings better ones.
  rng = np.random.default_rng(0)
  base = unit_rows(1, dim=64)
  step = np.sort(rng.integers(0, 40, 6000))[:, None].astype(np.float32)
  gallery = base * (1 + step * np.float32(2**-23))
  queries = np.concatenate([base, -base, unit_rows(30, dim=64, seed=1)])
  assert_same(exact.search(queries, gallery, 300, engine=engine),
              plain(queries, gallery, 300))


def test_engines_agree_whatever_the_batch_and_the_order():
  queries, gallery = unit_rows(300, 64, seed=1), unit_rows(2100, 64, seed=2)
  whole = exact.search(queries, gallery, 8, engine='scan')
  assert_same(exact.search(queries, gallery, 8, engine='sharded'), whole)
  order = np.random.default_rng(3).permutation(2100)
  for engine in ENGINES:
    shuffled = exact.search(queries, gallery[order], 8, engine=engine)
    np.testing.assert_array_equal(order[shuffled.rows], whole.rows)
    np.testing.assert_array_equal(shuffled.scores, whole.scores)
    held = exact.Exact(gallery, engine)
    for batch in (1, 7, 64):
      for start in range(0, max(batch, 9), batch):
        part = held.search(queries[start:start + batch], 8)
        np.testing.assert_array_equal(
            part.rows, whole.rows[start:start + batch])
        np.testing.assert_array_equal(
            part.scores, whole.scores[start:start + batch])


def test_threads_search_at_once_and_without_our_own(monkeypatch):
  queries, gallery = unit_rows(40, seed=1), unit_rows(5000, seed=2)
  held, expected = exact.Exact(gallery, 'scan'), plain(queries, gallery, 6)
  with futures.ThreadPoolExecutor(3) as pool:
    for found in pool.map(lambda _: held.search(queries, 6), range(6)):
      assert_same(found, expected)
  monkeypatch.setattr(scan, '_blas', lambda: scan._Blas([]))
  assert_same(exact.search(queries, gallery, 6, engine='scan'), expected)


def test_fewer_asked_are_the_first_of_more():
  queries, gallery = unit_rows(20, seed=1), unit_rows(80, seed=2)
  more = exact.search(queries, gallery, 40)
  for k in (1, 7, 39):
    np.testing.assert_array_equal(
        exact.search(queries, gallery, k).rows, more.rows[:, :k])


@pytest.mark.parametrize('engine', ENGINES)
def test_more_asked_than_there_is_pads(engine):
  found = exact.search(unit_rows(2), unit_rows(3, seed=2), 5, engine=engine)
  assert (found.rows >= 0).sum(axis=1).tolist() == [3, 3]
  assert np.isneginf(found.scores[:, 3:]).all()
  empty = exact.search(
      unit_rows(2), np.zeros((0, 16), np.float32), 2, engine=engine)
  assert (empty.rows == -1).all()
  none = exact.search(
      np.zeros((0, 16), np.float32), unit_rows(3), 2, engine=engine)
  assert none.rows.shape == none.scores.shape == (0, 2)


@pytest.mark.parametrize('engine', ENGINES)
def test_everything_excluded_leaves_no_answer(engine):
  gallery = unit_rows(3)
  excluded = row_sets.same_code(np.asarray([5, 6]), np.asarray([5, 5, 5]))
  found = exact.search(gallery[:2], gallery, 2, excluded, engine=engine)
  assert found.rows[0].tolist() == [-1, -1]
  assert (found.rows[1] >= 0).all()


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize('engine', ENGINES)
def test_a_row_that_scores_no_number_is_named(engine, value):
  queries, gallery = np.abs(unit_rows(2, seed=1)), unit_rows(5, seed=2)
  gallery[3] = value
  with pytest.raises(ValueError, match='query [01] against gallery row 3'):
    exact.search(queries, gallery, 1, engine=engine)


@pytest.mark.parametrize('engine', ENGINES)
def test_a_bad_query_is_named_by_its_own_number(engine):
  queries, gallery = unit_rows(1100, seed=1), unit_rows(5, seed=2)
  queries[1070, 0] = np.nan  # In a second block of both engines.
  with pytest.raises(ValueError, match='query 1070 against'):
    exact.search(queries, gallery, 1, engine=engine)


def test_lengths_far_from_one():
  # Squares of these overflow or vanish; the scores do not.
  queries = unit_rows(4, seed=1)
  for size in (1e-25, 1e25):
    gallery = unit_rows(2000, seed=2) * np.float32(size)
    assert_same(exact.search(queries, gallery, 5), plain(queries, gallery, 5))
  mixed = unit_rows(2000, seed=2)
  mixed[5] *= 1e6
  mixed[6] = 0
  queries[3] = 0
  assert_same(exact.search(queries, mixed, 5), plain(queries, mixed, 5))


@pytest.mark.parametrize('words, message', [
    (dict(k=0), 'at least 1 row'),
    (dict(queries=np.zeros((1, 3), np.float32)), 'not of one model'),
    (dict(allowed=np.asarray([2, 1])), 'not ascending'),
    (dict(allowed=np.asarray([1, 1])), 'not ascending'),
    (dict(allowed=np.asarray([-1, 1])), 'not all among the 5'),
    (dict(allowed=np.asarray([1, 5])), 'not all among the 5'),
    (dict(excluded=random_sets(2, 5, 2)), 'given for 2 queries'),
    (dict(excluded=types.RowSets(np.asarray([-1]), np.asarray([0, 1]))),
     'excluded rows -1 to -1'),
])
def test_what_cannot_be_asked_is_refused(words, message):
  default = dict(queries=unit_rows(1), vectors=unit_rows(5), k=1)
  with pytest.raises(ValueError, match=message):
    exact.search(**(default | words))


def test_half_precision_rows_are_scaled_in_whole_blocks_too():
  rng = np.random.default_rng(3)
  stored = rng.normal(size=(2100, 6)).astype(np.float16)  # Two blocks and more.
  scale = rng.uniform(.1, 9, 2100).astype(np.float32)
  queries = rng.normal(size=(4, 6)).astype(np.float32)
  found = exact.search(queries, vectors.Vectors(stored, scale), 5,
                       engine='scan')
  scores = queries @ (stored.astype(np.float32) * scale[:, None]).T
  np.testing.assert_array_equal(
      found.rows, np.argsort(-scores, axis=1)[:, :5])


def test_few_products_start_no_thread_and_answer_alike(monkeypatch):
  queries, gallery = unit_rows(9, seed=1), unit_rows(3000)
  started = []
  class Pool(futures.ThreadPoolExecutor):
    def __init__(self, *args):
      started.append(args)
      super().__init__(*args)
  monkeypatch.setattr(scan.futures, 'ThreadPoolExecutor', Pool)
  by_threads = exact.search(queries, gallery, 5, engine='scan')
  assert len(started) == 1
  # 9 × 3,000 × 16 products are fewer.
  monkeypatch.setattr(scan, '_FEW_PRODUCTS', 432_001)
  assert_same(exact.search(queries, gallery, 5, engine='scan'), by_threads)
  assert len(started) == 1
