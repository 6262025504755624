"""Pairs of query and row that may still be in the answer of a search.

A pair stays a candidate while it may be among the k best:

  block of scores ─▶ those not below the query's cut ─▶ pile
  pile too high   ─▶ a higher floor, fewer pairs      ─▶ pile
  pile still high ─▶ exact scores, k pairs per query  ─▶ pile

A floor is a score that k rows of the query reach for sure; the cut lies the
error bound of a fast score below it. So nothing that belongs to the answer is
ever dropped, and a pile never holds much more than k pairs per query.
"""

from concurrent import futures

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import exact_scores
from pinpoint_jax.search import vectors as vectors_lib

# Pairs that a pile may hold besides 2k a query; how many times as many where
# fast scores are rough.
_SPARE, _ROUGH = 1 << 14, 8


class CandidatePool:
  """Pairs of one block of queries (at most 65536), rows given in any order.

  Attributes:
    height: pairs that are held now.
  """

  def __init__(self, queries: Float[np.ndarray, 'b d'],
               query_norms: Float[np.ndarray, 'b'],
               vectors: vectors_lib.Vectors, k: int,
               rounding: Float[np.ndarray, 'b'] | float = 0.):
    """rounding: how far fast scores are off for rows of length 1, besides
    what sums of float32 are."""
    self._queries, self._norms, self._k = queries, query_norms, k
    self._rounding = rounding
    self._vectors = vectors
    self._floor = np.full(len(queries), -np.inf)
    self._longest = 0.
    self._query = np.zeros(0, np.uint16)
    self._row = np.zeros(0, np.int64)
    self._score = np.zeros(0, np.float32)
    self._pile: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    self.height = 0
    self._limit = 2 * k * len(queries) + _SPARE
    # Where fast scores are rough, more than the best stay for long.
    self._highest = (_ROUGH if np.any(rounding) else 1) * self._limit

  def margin(self, row_norm: float | int) -> Float[np.ndarray, 'b']:
    """Error bound of a fast score against rows no longer than row_norm."""
    return self._rounding * float(row_norm) + exact_scores.error_margin(
        self._queries.shape[1], self._norms, row_norm)

  def reach(self, floor: Float[np.ndarray, 'b']) -> None:
    """Records that k rows of each query score at least `floor`."""
    self._floor = np.maximum(self._floor, floor)

  def cut(self, row_norm: float | int) -> Float[np.ndarray, 'b']:
    """Fast scores below it, float32, need not be added."""
    self._longest = max(self._longest, float(row_norm))
    return self._cut(row_norm)

  def _cut(self, row_norm: float) -> np.ndarray:
    lowest = self._floor - self.margin(row_norm)
    # Rounding to float32 must not raise it.
    lower = lowest - np.abs(lowest) * 2.**-23
    return np.maximum(lower, np.finfo(np.float32).min).astype(np.float32)

  def add(self, query: Int[np.ndarray, 'n'], row: Int[np.ndarray, 'n'],
          score: Float[np.ndarray, 'n']) -> None:
    """Adds pairs with their fast scores."""
    self._pile.append((query.astype(np.uint16), row, score))
    self.height += len(row)
    if self.height > self._limit:
      self._lower()

  def finish(self, pool: futures.Executor | None = None) -> types.Candidates:
    """The k best of each query, exactly scored."""
    self._gather()
    self._prune()
    query = self._query.astype(np.int64)
    exact = exact_scores.scores(self._queries, self._vectors, query, self._row,
                                pool)
    return exact_scores.best(query, self._row, exact, len(self._queries),
                             self._k)

  def _gather(self) -> None:
    parts = [(self._query, self._row, self._score), *self._pile]
    self._query, self._row, self._score = map(np.concatenate, zip(*parts))
    self._pile, self.height = [], len(self._row)

  def _lower(self) -> None:
    self._gather()
    self._prune()
    if self.height > self._limit * 3 // 4:
      if 2 * self._limit <= self._highest:
        self._limit *= 2
      else:
        self._settle()

  def _prune(self) -> None:
    """Raises the floors to the k-th best fast scores less their error."""
    order = np.argsort(self._query, kind='stable')
    ordered = self._score[order]
    starts = np.searchsorted(
        self._query[order], np.arange(len(self._floor) + 1, dtype=np.uint32))
    kth = np.full(len(self._floor), -np.inf)
    for query in np.flatnonzero(np.diff(starts) >= self._k):
      of_query = ordered[starts[query]:starts[query + 1]]
      kth[query] = np.partition(of_query, -self._k)[-self._k]
    self.reach(kth - self.margin(self._longest))
    self._keep(self._score >= self._cut(self._longest)[self._query])

  def _settle(self) -> None:
    """Leaves k pairs of each query, for floods of equal rows."""
    query = self._query.astype(np.int64)
    exact = exact_scores.scores(self._queries, self._vectors, query, self._row)
    order = np.lexsort((self._row, -exact, query))
    place = np.arange(len(query)) - np.searchsorted(
        query[order], query[order])
    kept = np.sort(order[place < self._k])
    self._keep(kept)
    last = np.full(len(self._floor), -np.inf)
    full = order[place == self._k - 1]
    last[query[full]] = exact[full]
    self.reach(last)

  def _keep(self, kept: np.ndarray) -> None:
    self._query, self._row = self._query[kept], self._row[kept]
    self._score = self._score[kept]
    self.height = len(self._row)
