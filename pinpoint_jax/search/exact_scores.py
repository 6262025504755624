"""Exact scores of pairs: the same number wherever and whenever it is computed.

A float32 product has no rounding in float64, and a sum over one contiguous
axis has one order, whatever is in the other rows.

How far may a fast float32 score lie from the exact one? Whatever the order of
the sum, |fast − exact| ≤ d·u / (1 − d·u) · ‖q‖·‖x‖ with u = 2⁻²⁴. We allow
twice that: scales of int8 rows, the rounding of the exact score, norms in
float32 and products on accelerators take their share.
"""

from concurrent import futures
import os

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.search import vectors as vectors_lib

# Numbers in a block of products: it stays in the cache.
_NUMBERS = 1 << 16
THREADS = max(1, os.cpu_count() or 1)


def scores(queries: Float[np.ndarray, 'b d'], vectors: vectors_lib.Vectors,
           query: Int[np.ndarray, 'n'], row: Int[np.ndarray, 'n'],
           pool: futures.Executor | None = None) -> Float[np.ndarray, 'n']:
  """Dot product of each pair (query[i], row[i]), rounded to float32."""
  values = np.empty(len(row), np.float32)
  # Pages of a memory-mapped gallery are read once, in their order.
  order = np.argsort(row)
  step = max(1, _NUMBERS // max(1, vectors.dim))
  def fill(pairs: Int[np.ndarray, 'm']) -> None:
    for block in blocks.slices(len(pairs), step):
      part = pairs[block]
      products = vectors.take(row[part], np.float64)
      products *= queries[query[part]]
      values[part] = products.sum(axis=1)
  if pool is None or len(order) <= step:
    fill(order)
  else:
    list(pool.map(fill, np.array_split(order, blocks.THREADS)))
  return values


def best(query: Int[np.ndarray, 'n'], row: Int[np.ndarray, 'n'],
         score: Float[np.ndarray, 'n'], num_queries: int,
         k: int) -> types.Candidates:
  """Up to k pairs of each query by (score, row); -1 and -inf pad."""
  order = _best_first(query, row, score)
  query = query[order]
  place = np.arange(len(query)) - np.searchsorted(query, query)
  kept = place < k
  at = query[kept], place[kept]
  rows = np.full((num_queries, k), -1, np.int64)
  values = np.full((num_queries, k), -np.inf, np.float32)
  rows[at], values[at] = row[order][kept], score[order][kept]
  return types.Candidates(rows, values)


def _best_first(query: Int[np.ndarray, 'n'], row: Int[np.ndarray, 'n'],
                score: Float[np.ndarray, 'n']) -> Int[np.ndarray, 'n']:
  """Pairs by (query, -score, row), in a fifth of the time of a lexsort."""
  # Bits of floats are in their order, those of negative ones backwards.
  bits = (score + np.float32(0)).view(np.int32)
  ranks = np.where(bits < 0, bits ^ np.int32(2**31 - 1), bits)
  keys = (query.astype(np.int64) << 32) - ranks
  order = np.argsort(keys)
  if (np.diff(keys[order]) == 0).any():  # A tie: the lower row first.
    order = np.lexsort((row, keys))
  return order


_UNIT = 2.**-24
# What numbers too small for float32 may lose.
_TINY = 2.**-120
# Half of float32's largest: no sum on the way can overflow below it.
LARGEST = 1.7e38


def error_margin(dim: int, query_norms: Float[np.ndarray, 'b'],
                 row_norm: float | int) -> Float[np.ndarray, 'b']:
  """Largest difference for rows no longer than row_norm, float64 [b]."""
  size = query_norms.astype(np.float64) * float(row_norm)
  tiny = dim * _TINY * (1. + query_norms) * (1. + float(row_norm))
  return 2. * (dim + 8) * _UNIT * size + tiny


def norms(rows: Float[np.ndarray, 'n d']) -> Float[np.ndarray, 'n']:
  """Length of each row, float64; not finite where the row is not."""
  values = np.einsum('nd,nd->n', rows, rows).astype(np.float64)
  # A square may overflow, or vanish, where the number does neither.
  odd = ~np.isfinite(values) | (values < 1e-30)
  if odd.any():
    wide = rows[odd].astype(np.float64)
    values[odd] = np.einsum('nd,nd->n', wide, wide)
  return np.sqrt(values)


def check_finite(query_norms: Float[np.ndarray, 'b'],
                 row_norms: Float[np.ndarray, 'n'], query: int,
                 rows: np.ndarray | range,
                 longest: float | None = None) -> None:
  """Refuses pairs whose score is no finite number, naming the first pair.

  query: number of the first query; rows: number of every row; longest: largest
  of row_norms, where it is known.
  """
  if not len(query_norms) or not len(row_norms):
    return
  if longest is None:
    longest = row_norms.max()
  # NaN passes through max, so that one comparison finds everything.
  if query_norms.max() * longest < LARGEST:
    return
  bad_query, bad_row = (np.flatnonzero(~np.isfinite(lengths))
                        for lengths in (query_norms, row_norms))
  at = (int([*bad_query, 0][0]), int([*bad_row, 0][0]))
  if not len(bad_query) and not len(bad_row):
    at = int(query_norms.argmax()), int(row_norms.argmax())
  raise ValueError(
      f'query {query + at[0]} against gallery row {int(rows[at[1]])} scores no '
      f'finite number: the features of one of them are not finite or too large '
      f'(lengths {query_norms[at[0]]:g} and {row_norms[at[1]]:g})')
