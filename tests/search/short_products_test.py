"""Products of bfloat16 choose candidates; exact scores decide."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import candidate_pool, exact, short_products
import pytest

QUERIES, ROWS, DIM, K = 1024, 3000, 16, 7


def unit(num: int, seed: int) -> np.ndarray:
  rows = np.random.default_rng(seed).normal(size=(num, DIM))
  return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(
      np.float32)


@pytest.fixture
def taken(monkeypatch):
  """Blocks that were scored by short products, on whatever CPU this is."""
  blocks = []
  plain = short_products.ShortQueries.scores
  def scores(self, block):
    blocks.append(len(block))
    return plain(self, block)
  monkeypatch.setattr(short_products.ShortQueries, 'scores', scores)
  monkeypatch.setattr(short_products, 'available', lambda: True)
  return blocks


def same(rows: np.ndarray, queries: np.ndarray, monkeypatch, k: int = K,
         excluded: types.RowSets | None = None) -> None:
  """Whether short products answer as float32 ones do, to the bit."""
  found = exact.search(queries, rows, k, excluded, engine='scan')
  monkeypatch.setattr(short_products, 'available', lambda: False)
  plain = exact.search(queries, rows, k, excluded, engine='scan')
  np.testing.assert_array_equal(found.rows, plain.rows)
  np.testing.assert_array_equal(found.scores, plain.scores)


@pytest.mark.parametrize('dtype', ['float32', 'float16'])
def test_the_answer_is_the_same_to_the_bit(taken, monkeypatch, dtype):
  same(unit(ROWS, 0).astype(dtype), unit(QUERIES, 1), monkeypatch)
  assert taken == [1024, 1024]  # What is left over is no whole block.


def test_rows_closer_than_bfloat16_can_tell_are_told_apart(taken, monkeypatch):
  # The best lie within a step of bfloat16, which alone would choose at random.
  rows = np.ones((ROWS, DIM), np.float32)
  rows[:, 0] += np.linspace(0, .1, ROWS, dtype=np.float32)
  queries = np.ones((QUERIES, DIM), np.float32)
  found = exact.search(queries, rows, K, engine='scan')
  assert taken
  np.testing.assert_array_equal(
      found.rows, np.tile(np.arange(ROWS)[::-1][:K], (QUERIES, 1)))


def test_hidden_rows_stay_hidden(taken, monkeypatch):
  rows, queries = unit(ROWS, 0), unit(QUERIES, 1)
  best = exact.search(queries, rows, 1, engine='scan').rows[:, 0]
  excluded = types.RowSets(best, np.arange(QUERIES + 1))
  found = exact.search(queries, rows, K, excluded, engine='scan')
  assert not (found.rows == best[:, None]).any()
  same(rows, queries, monkeypatch, excluded=excluded)


def test_a_flood_of_equal_rows_is_settled(taken, monkeypatch):
  monkeypatch.setattr(candidate_pool, '_SPARE', 64)
  same(np.repeat(unit(3, 0), 1500, axis=0), unit(QUERIES, 1), monkeypatch, 2)


@pytest.mark.parametrize('scale', [1., 1e-3, 1e6])
def test_the_bound_holds(scale):
  rows, queries = scale * unit(1024, 0), unit(QUERIES, 1)
  short = short_products.ShortQueries(queries)
  off = np.abs(short.scores(rows) - rows.astype(np.float64)
               @ queries.T.astype(np.float64))
  bound = short.error * np.linalg.norm(rows, axis=1)[:, None] * (1 + 1e-6)
  assert (off <= bound).all()
  # And it is no idle one: rounding takes up a good part of it.
  assert (off / bound).max() > .1


def test_numbers_that_bfloat16_would_round_to_infinity_go_the_other_way(taken):
  rows = unit(ROWS, 0)
  rows[5] *= 3e38
  found = exact.search(1e-3 * unit(QUERIES, 1), rows, 1, engine='scan')
  assert taken == [1024]  # The block without that row.
  assert np.isfinite(found.scores).all()


def test_few_queries_take_no_short_products(taken):
  exact.search(unit(QUERIES - 1, 1), unit(ROWS, 0), K, engine='scan')
  assert not taken


@pytest.mark.parametrize('flags, expected', [
    ('flags : fma avx512_bf16 avx2', True), ('flags : amx_bf16', True),
    ('flags : fma avx512f', False)])
def test_available_by_what_the_cpu_says(tmp_path, monkeypatch, flags, expected):
  (tmp_path / 'cpuinfo').write_text(f'processor : 0\n{flags}\n')
  monkeypatch.setattr(short_products, '_CPU_INFO', tmp_path / 'cpuinfo')
  assert short_products.available.__wrapped__() is expected
  monkeypatch.setattr(short_products, '_CPU_INFO', tmp_path / 'absent')
  assert short_products.available.__wrapped__() is False
