"""Exact search on a CPU: blocks of rows against all queries at once.

  rows of a block ─▶ float32 ─▶ products with the queries ─▶ few survivors

Each thread takes the next block and does all of that alone. A block of scores
stays in the cache while it is compared with the cuts.
"""

from collections.abc import Iterator
from concurrent import futures
import dataclasses
import threading

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import blas, bounds, excluded, rescore, survivors
from pinpoint_jax.retrieval import vectors as vectors_lib

# Queries that go through the gallery together: memory does not grow beyond.
_QUERIES = 1024
# Rows whose longest is remembered; blocks are whole numbers of it.
_ROWS = 1024
_MOST_ROWS = 16 * _ROWS
_SCORES = 1 << 20


@dataclasses.dataclass(frozen=True)
class _Asked:
  """Some queries, what they may not find and what they have found so far."""

  queries: np.ndarray
  norms: np.ndarray
  first: int
  barred: excluded.Pairs
  allowed: np.ndarray | None
  kept: survivors.Survivors
  lock: threading.Lock


class Scan:
  """Rows to be searched again and again; what is learnt of them is kept."""

  def __init__(self, vectors: vectors_lib.Vectors):
    self._vectors = vectors
    # Longest row of each _ROWS rows; NaN until they are read.
    self._longest = np.full(-(-len(vectors) // _ROWS), np.nan)

  def search(self, queries: Float[np.ndarray, 'b d'], k: int,
             excluded_rows: types.RowSets | None = None,
             allowed: Int[np.ndarray, 'n'] | None = None) -> types.Candidates:
    """The k best rows of each query, see exact.search."""
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    with (blas.one_thread() as alone,
          futures.ThreadPoolExecutor(rescore.THREADS) as pool):
      for start in range(0, len(queries), _QUERIES):
        part = slice(start, min(start + _QUERIES, len(queries)))
        barred = excluded.pairs(excluded_rows, part.start, part.stop)
        asked = self._asked(queries[part], k, start, barred, allowed)
        self._look(asked, k, pool, rescore.THREADS if alone else 1)
        found = asked.kept.finish(pool)
        rows[part], scores[part] = found.rows, found.scores
    return types.Candidates(rows, scores)

  def _asked(self, queries: np.ndarray, k: int, first: int,
             barred: excluded.Pairs, allowed: np.ndarray | None) -> _Asked:
    norms = bounds.norms(queries)
    if allowed is not None:
      barred = excluded.among(barred, allowed)
    return _Asked(queries, norms, first, barred, allowed,
                  survivors.Survivors(queries, norms, self._vectors, k),
                  threading.Lock())

  def _look(self, asked: _Asked, k: int, pool: futures.Executor,
            num_threads: int) -> None:
    """Takes every block, the first alone: it raises the cuts."""
    total = (len(self._vectors) if asked.allowed is None
             else len(asked.allowed))
    step = _block_rows(len(asked.queries), self._vectors.stored.dtype)
    blocks = iter([slice(at, min(at + step, total))
                   for at in range(0, total, step)])
    first = next(blocks, None)
    if first is None:
      return
    self._blocks(asked, iter([first]), k if first.stop >= k else 0)
    # Threads draw from one list, so that none waits for a slow one.
    list(pool.map(lambda _: self._blocks(asked, blocks), range(num_threads)))

  def _blocks(self, asked: _Asked, blocks: Iterator[slice],
              raise_to: int = 0) -> None:
    """Adds survivors of blocks; first raises the cuts to that best score."""
    buffer = np.empty(0, np.float32)
    for part in blocks:
      rows, block = self._read(part, asked.allowed)
      longest = self._check(block, asked.norms, asked.first, rows)
      shape = len(block), len(asked.queries)
      if not buffer.size:
        buffer = np.empty(shape, np.float32)
      # X·Qᵀ: the other way round blocked products run at half the speed.
      scores = np.matmul(block, asked.queries.T, out=buffer[:len(block)])
      here = asked.barred.between(part.start, part.stop)
      scores[here.rows, here.queries] = -np.inf
      if raise_to:
        asked.kept.reach(_kth(scores, raise_to) - asked.kept.margin(longest))
      with asked.lock:
        cut = asked.kept.cut(longest)
      place, query = np.divmod(np.flatnonzero(scores >= cut), shape[1])
      row = place + part.start if asked.allowed is None else rows[place]
      with asked.lock:
        asked.kept.add(query, row, scores[place, query])

  def _read(self, part: slice, allowed: np.ndarray | None) -> tuple[
      range | np.ndarray, np.ndarray]:
    """Numbers of the rows of a block, and the rows as float32."""
    if allowed is None:
      return (range(part.start, part.stop),
              _read(self._vectors, part.start, part.stop))
    return allowed[part], self._vectors.take(allowed[part])

  def _check(self, block: np.ndarray, query_norms: np.ndarray,
             first_query: int, numbers: range | np.ndarray) -> float:
    """Length of the longest row; refuses what is no finite number."""
    whole = isinstance(numbers, range)
    if whole:
      part = slice(numbers.start // _ROWS, -(-numbers.stop // _ROWS))
      known = float(self._longest[part].max())
      if query_norms.max() * known < bounds.LARGEST:
        return known
    row_norms = bounds.norms(block)
    bounds.check_finite(query_norms, row_norms, first_query, numbers)
    if whole:
      self._longest[part] = np.maximum.reduceat(
          row_norms, np.arange(0, len(block), _ROWS))
    return float(row_norms.max())


def _block_rows(num_queries: int, dtype: np.dtype) -> int:
  """As many as keep a block of scores in the cache, whole _ROWS of them."""
  if dtype != np.float32:
    return _ROWS  # What is widened stays in the cache too.
  fit = _SCORES // num_queries // _ROWS * _ROWS
  return min(max(fit, _ROWS), _MOST_ROWS)


def _kth(scores: Float[np.ndarray, 'n b'], k: int) -> np.ndarray:
  """The k-th best score of each query."""
  place = len(scores) - k
  return np.partition(np.ascontiguousarray(scores.T), place, axis=1)[:, place]


def _read(vectors: vectors_lib.Vectors, start: int, stop: int) -> np.ndarray:
  stored = vectors.stored
  # XLA widens float16 about five times as fast as numpy; whole blocks only,
  # since each shape is compiled.
  if stored.dtype == np.float16 and not (stop - start) % _ROWS:
    return np.asarray(_widen(stored[start:stop]))
  return vectors.block(start, stop)


@jax.jit
def _widen(rows: jax.Array) -> jax.Array:
  return rows.astype(jnp.float32)
