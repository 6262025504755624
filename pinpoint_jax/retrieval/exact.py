"""Exact search: every query against every gallery row, float32 throughout."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import numpy as np
from pinpoint_jax import types

# Queries are always scored this many at a time, the last block padded: one
# compilation, and an answer does not depend on how many were asked together.
_BLOCK = 256


def search(
    queries: Float[np.ndarray, 'b d'],
    gallery: Float[np.ndarray, 'g d'],
    k: int,
    query_groups: Int[np.ndarray, 'b'] | None = None,
    gallery_groups: Int[np.ndarray, 'g'] | None = None,
) -> types.Candidates:
  """The k rows of highest dot product per query, ties by row id.

  A row whose group equals the query's is never an answer (author filter,
  leave-one-out). Where fewer than k rows remain: row -1, score -inf.
  """
  num_queries, k_found = len(queries), min(k, len(gallery))
  rows = np.full((num_queries, k), -1, np.int64)
  scores = np.full((num_queries, k), -np.inf, np.float32)
  if query_groups is None or gallery_groups is None:
    query_groups = np.full(num_queries, -1, np.int32)
    gallery_groups = np.full(len(gallery), -2, np.int32)
  if not k_found:
    return types.Candidates(rows, scores)
  fixed = jnp.asarray(gallery, jnp.float32), jnp.asarray(gallery_groups)
  for start in range(0, num_queries, _BLOCK):
    part = slice(start, min(start + _BLOCK, num_queries))
    found = _top_k(_pad(queries[part].astype(np.float32)),
                   _pad(query_groups[part]), *fixed, k=k_found)
    score, row = (np.asarray(x)[:part.stop - start] for x in found)
    scores[part, :k_found] = score
    rows[part, :k_found] = np.where(np.isneginf(score), -1, row)
  return types.Candidates(rows, scores)


def _pad(block: np.ndarray) -> np.ndarray:
  short = _BLOCK - len(block)
  return np.pad(block, [(0, short)] + [(0, 0)] * (block.ndim - 1))


@functools.partial(jax.jit, static_argnames='k')
def _top_k(
    queries: Float[Array, 'b d'], query_groups: Int[Array, 'b'],
    gallery: Float[Array, 'g d'], gallery_groups: Int[Array, 'g'], k: int,
) -> list[Array]:
  scores = jnp.matmul(queries, gallery.T, precision=jax.lax.Precision.HIGHEST)
  masked = query_groups[:, None] == gallery_groups[None, :]
  return list(jax.lax.top_k(jnp.where(masked, -jnp.inf, scores), k))
