"""Rows as they are stored choose candidates; exact scores decide."""

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import (
  exact,
  exact_scores,
  stored_products,
  vectors,
)
import pytest

NUM, DIM, K = 5000, 16, 7


def unit(num, seed):
  rows = np.random.default_rng(seed).normal(size=(num, DIM))
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(
      np.float32)


def stored(kind):
  rows = unit(NUM, 0)
  return (vectors.quantise(rows) if kind == 'int8'
          else vectors.Vectors(rows.astype(kind)))


@pytest.fixture
def taken(monkeypatch):
  """First rows of the parts that were scored as they are stored."""
  parts = []
  plain = stored_products.FewQueries.scores
  def scores(self, part):
    parts.append(part.start)
    return plain(self, part)
  monkeypatch.setattr(stored_products.FewQueries, 'scores', scores)
  return parts


def assert_same(one, other):
  np.testing.assert_array_equal(one.rows, other.rows)
  np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize('kind', ['float16', 'int8'])
@pytest.mark.parametrize('num', [1, 3, 64])
def test_the_answer_is_the_same_to_the_bit(taken, kind, num):
  queries, engine = unit(num, 1), exact.Exact(stored(kind), 'scan')
  first = engine.search(queries, K)
  assert not taken  # Rows are checked, widened, where they are new.
  assert_same(engine.search(queries, K), first)
  assert sorted(taken) == [0, 2048]  # The 904 last ones are no whole block.
  # Widened rows give the same.
  rows = stored(kind)
  assert_same(exact.search(queries, rows.block(0, NUM), K, engine='scan'),
              first)


@pytest.mark.parametrize('kind, num, allowed', [
    ('float32', 1, None), ('float16', 65, None), ('float16', 1, 4500)])
def test_what_takes_none(taken, kind, num, allowed):
  engine = exact.Exact(stored(kind), 'scan')
  for _ in range(2):
    engine.search(unit(num, 1), K,
                  allowed=None if allowed is None else np.arange(allowed))
  assert not taken


def test_an_accelerator_takes_none(monkeypatch):
  assert stored_products.few_queries(unit(1, 1), stored('float16'))
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert stored_products.few_queries(unit(1, 1), stored('float16')) is None


def test_hidden_rows_stay_hidden(taken):
  queries, engine = unit(3, 1), exact.Exact(stored('float16'), 'scan')
  best = engine.search(queries, K)
  excluded = types.RowSets(best.rows[:, 0], np.arange(4))
  hidden = engine.search(queries, K - 1, excluded)
  assert taken
  np.testing.assert_array_equal(hidden.rows, best.rows[:, 1:])


def test_a_row_that_is_no_number_is_refused_each_time(taken):
  rows = unit(NUM, 0).astype(np.float16)
  rows[3000, 2] = np.nan
  engine = exact.Exact(vectors.Vectors(rows), 'scan')
  for _ in range(2):
    with pytest.raises(ValueError, match='row 3000 '):
      engine.search(unit(1, 1), K)


@pytest.mark.parametrize('scale', [1., 6e4, 2.**-23])
def test_the_bound_of_the_scan_holds(scale):
  # Down to numbers of float16 that are its smallest, times 1 and 2.
  rows = vectors.Vectors((scale * unit(2048, 0)).astype(np.float16))
  queries = unit(5, 1)
  fast = stored_products.FewQueries(queries, rows).scores(slice(0, 2048))
  wide = rows.stored.astype(np.float64)
  margin = exact_scores.error_margin(
      DIM, exact_scores.norms(queries), np.linalg.norm(wide, axis=1).max())
  assert (np.abs(fast - wide @ queries.T.astype(np.float64)) <= margin).all()
  assert np.abs(fast).max() > scale / 2
