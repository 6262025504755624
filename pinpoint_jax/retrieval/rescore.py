"""Exact scores of pairs: the same number wherever and whenever it is asked.

A float32 product has no rounding in float64, and a sum over one contiguous
axis has one order, whatever stands in the other rows.
"""

from concurrent import futures
import os

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import vectors as vectors_lib

# Numbers in a block of products: it stays in the cache.
_NUMBERS = 1 << 16
THREADS = max(1, os.cpu_count() or 1)


def scores(queries: Float[np.ndarray, 'b d'], vectors: vectors_lib.Vectors,
           query: Int[np.ndarray, 'n'], row: Int[np.ndarray, 'n'],
           pool: futures.Executor | None = None) -> Float[np.ndarray, 'n']:
  """Dot product of each pair (query[i], row[i]), rounded to float32."""
  found = np.empty(len(row), np.float32)
  # Pages of a memory-mapped gallery are read once, in their order.
  order = np.argsort(row, kind='stable')
  step = max(1, _NUMBERS // max(1, vectors.dim))
  def fill(start: int) -> None:
    part = order[start:start + step]
    products = vectors.take(row[part]).astype(np.float64)
    products *= queries[query[part]]
    found[part] = products.sum(axis=1)
  starts = range(0, len(row), step)
  list(map(fill, starts) if pool is None else pool.map(fill, starts))
  return found


def best(query: Int[np.ndarray, 'n'], row: Int[np.ndarray, 'n'],
         score: Float[np.ndarray, 'n'], num_queries: int,
         k: int) -> types.Candidates:
  """Up to k pairs of each query by (score, row); -1 and -inf pad."""
  order = np.lexsort((row, -score, query))
  query = query[order]
  place = np.arange(len(query)) - np.searchsorted(query, query)
  kept = place < k
  at = query[kept], place[kept]
  rows = np.full((num_queries, k), -1, np.int64)
  found = np.full((num_queries, k), -np.inf, np.float32)
  rows[at], found[at] = row[order][kept], score[order][kept]
  return types.Candidates(rows, found)
