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
  leave-one-out). Where fewer than k rows remain: row -1, score -inf. Features
  that score NaN or +inf are refused: they would win every comparison.
  """
  num_queries, k_found = len(queries), min(k, len(gallery))
  rows = np.full((num_queries, k), -1, np.int64)
  scores = np.full((num_queries, k), -np.inf, np.float32)
  query_codes, gallery_codes = _codes(
      num_queries, len(gallery), query_groups, gallery_groups)
  if not k_found:
    return types.Candidates(rows, scores)
  fixed = jnp.asarray(gallery, jnp.float32), jnp.asarray(gallery_codes)
  for start in range(0, num_queries, _BLOCK):
    part = slice(start, min(start + _BLOCK, num_queries))
    found = _top_k(_pad(queries[part].astype(np.float32)),
                   _pad(query_codes[part]), *fixed, k=k_found)
    score, row = (np.asarray(x)[:part.stop - start] for x in found)
    _check_scores(score, row, start)
    scores[part, :k_found] = score
    rows[part, :k_found] = np.where(np.isneginf(score), -1, row)
  return types.Candidates(rows, scores)


def _codes(
    num_queries: int, num_gallery: int, query_groups: np.ndarray | None,
    gallery_groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
  """Groups as int32, equal where they were; no two equal without groups."""
  if query_groups is None and gallery_groups is None:
    return (np.full(num_queries, -1, np.int32),
            np.full(num_gallery, -2, np.int32))
  if query_groups is None or gallery_groups is None:
    raise ValueError('groups of the queries or of the gallery alone filter '
                     'nothing: give both or neither')
  # The device has 32 bits: wider numbers would wrap and meet by accident.
  _, codes = np.unique(
      np.concatenate([query_groups, gallery_groups]), return_inverse=True)
  codes = codes.astype(np.int32)
  return codes[:num_queries], codes[num_queries:]


def _check_scores(score: np.ndarray, row: np.ndarray, start: int) -> None:
  bad = np.argwhere(np.isnan(score) | np.isposinf(score))
  if len(bad):
    query, place = bad[0]
    raise ValueError(
        f'query {start + query} against gallery row {row[query, place]} scores '
        f'{score[query, place]}: the features of one of them are not finite')


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
