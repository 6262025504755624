"""Exact search on a CPU: blocks of rows against all queries at once.

  rows of a block ─▶ float32 ─▶ products with the queries ─▶ few survivors

A block of scores stays in the cache while it is compared with the cuts.
"""

from concurrent import futures

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import bounds, excluded, rescore, survivors
from pinpoint_jax.retrieval import vectors as vectors_lib

# Queries that go through the gallery together: memory does not grow beyond.
_QUERIES = 1024
# Rows whose longest is remembered; blocks are whole numbers of it.
_ROWS = 1024
_MOST_ROWS = 16 * _ROWS
_SCORES = 1 << 20


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
    with futures.ThreadPoolExecutor(rescore.THREADS) as pool:
      for start in range(0, len(queries), _QUERIES):
        part = slice(start, min(start + _QUERIES, len(queries)))
        barred = excluded.pairs(excluded_rows, part.start, part.stop)
        found = self._some(queries[part], k, start, barred, allowed, pool)
        rows[part], scores[part] = found.rows, found.scores
    return types.Candidates(rows, scores)

  def _some(self, queries: np.ndarray, k: int, first_query: int,
            barred: excluded.Pairs, allowed: np.ndarray | None,
            pool: futures.Executor) -> types.Candidates:
    norms = bounds.norms(queries)
    kept = survivors.Survivors(queries, norms, self._vectors, k, pool)
    if allowed is not None:
      barred = excluded.among(barred, allowed)
    total = len(self._vectors) if allowed is None else len(allowed)
    step = _block_rows(len(queries), self._vectors.stored.dtype)
    buffer = np.empty((step, len(queries)), np.float32)
    for start in range(0, total, step):
      stop = min(start + step, total)
      numbers = (range(start, stop) if allowed is None
                 else allowed[start:stop])
      block = (_read(self._vectors, start, stop) if allowed is None
               else self._vectors.take(numbers))
      longest = self._check(block, norms, first_query, numbers)
      # X·Qᵀ: the other way round blocked products run at half the speed.
      scores = np.matmul(block, queries.T, out=buffer[:stop - start])
      here = barred.between(start, stop)
      scores[here.rows, here.queries] = -np.inf
      if not start and stop >= k:
        kept.reach(_kth(scores, k) - kept.margin(longest))
      query, place = _above(scores, kept.cut(longest), pool)
      row = place + start if allowed is None else allowed[place + start]
      kept.add(query, row, scores[place, query])
    return kept.finish()

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


def _above(scores: Float[np.ndarray, 'n b'], cut: Float[np.ndarray, 'b'],
           pool: futures.Executor) -> tuple[np.ndarray, np.ndarray]:
  """Query and place of every score that is not below its query's cut."""
  num_rows, num_queries = scores.shape
  def some(part: slice) -> np.ndarray:
    return np.flatnonzero(scores[part] >= cut) + part.start * num_queries
  if scores.size < _SCORES // 4:
    found = some(slice(0, num_rows))
  else:
    step = -(-num_rows // rescore.THREADS)
    found = np.concatenate(list(pool.map(
        some, [slice(at, at + step) for at in range(0, num_rows, step)])))
  place, query = np.divmod(found, num_queries)
  return query, place


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
