"""What the attention reranker reads, for each query and its candidates."""

from typing import NamedTuple

import jax
from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types

# First columns of Inputs.meta; a reranker's own columns follow.
META = (
    *(f'in_{channel}' for channel in types.CHANNELS),
    *(f'inverse_rank_{channel}' for channel in types.CHANNELS),
    *(f'similarity_{channel}' for channel in types.CHANNELS),
    *(f'log_{source}_{km}km' for km in (1, 25) for source in types.SOURCES),
)
# Columns of Support.scalars.
SUPPORT = ('log_count', 'best_image', 'best_raw', 'log_nearest_km')


class Support(NamedTuple):
  """The other source's rows near a candidate, by either similarity.

  Attributes:
    image: z_image of those most similar to the query, [b, k, s, d].
    image_sims: their similarity, -inf where there are fewer, [b, k, s].
    raw: raw feature of those most similar by it, [b, k, s, r].
    raw_sims: their similarity, -inf where there are fewer, [b, k, s].
    scalars: SUPPORT, anything where no row is near, [b, k, 4].
  """

  image: Float[jax.Array | np.ndarray, 'b k s d']
  image_sims: Float[jax.Array | np.ndarray, 'b k s']
  raw: Float[jax.Array | np.ndarray, 'b k s r'] | None
  raw_sims: Float[jax.Array | np.ndarray, 'b k s'] | None
  scalars: Float[jax.Array | np.ndarray, 'b k 4']


class Inputs(NamedTuple):
  """Queries and k candidates each. What a model does not use may be None.

  Attributes:
    query_image: z_image of the query, [b, d].
    query_raw: its raw feature, [b, r].
    image: z_image of the candidates, [b, k, d].
    location: z_location of the candidates, [b, k, d].
    raw: raw feature of the candidates, [b, k, r].
    meta: META and the reranker's own columns, [b, k, m].
    support: the other source's rows near each candidate.
    valid: False in padded slots, whose contents do not matter, [b, k].
  """

  query_image: Float[jax.Array | np.ndarray, 'b d']
  query_raw: Float[jax.Array | np.ndarray, 'b r'] | None
  image: Float[jax.Array | np.ndarray, 'b k d']
  location: Float[jax.Array | np.ndarray, 'b k d'] | None
  raw: Float[jax.Array | np.ndarray, 'b k r'] | None
  meta: Float[jax.Array | np.ndarray, 'b k m']
  support: Support | None
  valid: Bool[jax.Array | np.ndarray, 'b k']


def meta(shortlist: types.Shortlist,
         counts: Int[np.ndarray, 'b k 2 2']) -> Float[np.ndarray, 'b k m']:
  """META of each candidate, 0 in padded slots.

  `counts` are rows within 1 and 25 km of the candidate, by SOURCES.
  """
  columns = np.concatenate([
      shortlist.ranks >= 0, inverse_ranks(shortlist.ranks),
      shortlist.similarities, log_counts(counts)], axis=-1)
  return without_padding(columns, shortlist.rows >= 0, META)


def support_scalars(
    best: Float[np.ndarray, 'b k 2'], count: Int[np.ndarray, 'b k'],
    nearest_km: Float[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k 4']:
  """SUPPORT of each candidate, 0 where no row is near.

  best: the highest similarity by image and by raw, -inf where there is none.
  """
  near = count > 0
  km = np.where(near, nearest_km, 0.)
  best = np.where(np.isfinite(best), best, 0.)
  columns = np.stack([np.log1p(count), best[..., 0], best[..., 1],
                      np.log1p(km)], -1)
  return without_padding(columns, near, SUPPORT)


def inverse_ranks(
    ranks: Int[np.ndarray, 'b k 3']) -> Float[np.ndarray, 'b k 3']:
  """1 for a channel's first, 1/2 for its second; 0 where it did not propose."""
  return np.where(ranks >= 0, 1. / np.maximum(ranks + 1, 1), 0.)


def log_counts(
    counts: Int[np.ndarray, 'b k 2 2']) -> Float[np.ndarray, 'b k 4']:
  """log(1 + count): 1 km of each source, then 25 km of each."""
  return np.log1p(counts.reshape(*counts.shape[:2], 4).clip(0))


def without_padding(
    columns: Float[np.ndarray, 'b k f'], valid: Bool[np.ndarray, 'b k'],
    names: tuple[str, ...]) -> Float[np.ndarray, 'b k f']:
  """float32 columns, 0 in padded slots; NaN and infinity elsewhere refused."""
  padded = np.where(valid[..., None], columns, 0.).astype(np.float32)
  bad = np.argwhere(~np.isfinite(padded))
  if len(bad):
    query, slot, column = bad[0]
    raise ValueError(
        f'candidate {slot} of query {query}: {names[column]} is '
        f'{padded[query, slot, column]}; its similarities, counts or place are '
        f'no numbers')
  return padded
