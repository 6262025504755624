"""What the light reranker knows of a candidate, from the shortlist alone.

  inverse_rank_C         1/1, 1/2, … in channel C's list; 0 if not in it
  relative_similarity_C  similarity under C less the list's best, at most 0
  log_S_Rkm              log(1 + gallery rows of source S within R km)
  log_km_to_first_C      log(1 + km to C's first candidate); 0 if it has none
  rank_vote_Tkm          Σ_j w_j · exp(−d_ij / T) over the OTHER candidates,
                         w_j the sum of j's inverse ranks, all w adding to 1
  similarity_vote_Tkm    the same with w the softmax of the similarities, each
                         channel standardised within the list, then added up
"""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.models import rerank_inputs

# Reach of a vote: a city, a region, about as the GeoScore falls. Each is the
# one before times 8, so that one exponential serves all.
VOTE_KM = (25, 200, 1600)
FEATURES = (
    *(f'inverse_rank_{channel}' for channel in types.CHANNELS),
    *(f'relative_similarity_{channel}' for channel in types.CHANNELS),
    *(f'log_{source}_{km}km' for km in (1, 25) for source in types.SOURCES),
    *(f'log_km_to_first_{channel}' for channel in types.CHANNELS),
    *(f'rank_vote_{km}km' for km in VOTE_KM),
    *(f'similarity_vote_{km}km' for km in VOTE_KM),
)
# Pairs of candidates at a time: their distances stay in the cache.
_PAIRS = 1 << 18
_MAX_QUERIES = 256
# Long lists are cut to a multiple: a few shapes to compile.
_STEP = 128
_NO_SPREAD = 1e-6


def features(
    shortlist: types.Shortlist, latlng_deg: Float[np.ndarray, 'b k 2'],
    counts: Int[np.ndarray, 'b k 2 2']) -> Float[np.ndarray, 'b k f']:
  """FEATURES of each candidate, float32, 0 in padded slots.

  `counts` are rows within 1 and 25 km of the candidate, by SOURCES.
  """
  valid = shortlist.rows >= 0
  places = np.where(valid[..., None], latlng_deg, 0.)
  sims = np.where(valid[..., None], shortlist.similarities, 0.)
  inverse = rerank_inputs.inverse_ranks(shortlist.ranks)
  weights = np.stack([_shares(inverse.sum(axis=-1)),
                      similarity_weights(sims, valid)], axis=-1)
  return rerank_inputs.without_padding(np.concatenate([
      inverse, relative(sims, valid), rerank_inputs.log_counts(counts),
      log_km_to_first(shortlist.ranks, places),
      votes(places, weights, valid),
  ], axis=-1), valid, FEATURES)


def relative(sims: Float[np.ndarray, 'b k 3'],
             valid: Bool[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k 3']:
  """Similarities less the best of the list in their channel."""
  best = np.where(valid[..., None], sims, -np.inf).max(
      axis=1, keepdims=True, initial=-np.inf)
  return sims - np.where(np.isfinite(best), best, 0.)


def similarity_weights(
    sims: Float[np.ndarray, 'b k 3'],
    valid: Bool[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
  """Shares of the list by similarity, whatever the scale of each channel."""
  held = valid[..., None].astype(np.float64)
  num = np.maximum(held.sum(axis=1, keepdims=True), 1.)
  centred = (sims - (held * sims).sum(axis=1, keepdims=True) / num) * held
  std = np.sqrt((centred**2).sum(axis=1, keepdims=True) / num)
  spread = std > _NO_SPREAD
  total = (centred * spread / np.where(spread, std, 1.)).sum(axis=-1)
  # At most √k deviations above the mean: no overflow below k = 50 000.
  return _shares(np.exp(total) * valid)


def log_km_to_first(
    ranks: Int[np.ndarray, 'b k 3'],
    places: Float[np.ndarray, 'b k 2']) -> Float[np.ndarray, 'b k 3']:
  """log(1 + km) from each candidate to the first of each channel."""
  first = ranks == 0
  at = first.argmax(axis=1)
  firsts = np.take_along_axis(places, at[..., None], axis=1)
  km = distance.haversine_km(places[:, :, None], firsts[:, None])
  return np.log1p(km) * first.any(axis=1)[:, None]


def votes(places: Float[np.ndarray, 'b k 2'],
          weights: Float[np.ndarray, 'b k w'],
          valid: Bool[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k v']:
  """Weight of the other candidates near each: VOTE_KM of the first weights,
  then of the next. What padded slots get means nothing."""
  k = places.shape[1]
  xyz = coords.to_xyz(places).astype(np.float32)
  weights = (weights * valid[..., None]).astype(np.float32)
  if k * k <= _PAIRS:
    return _in_blocks(xyz, weights, int(np.clip(
        _PAIRS // max(k * k, 1), 1, _MAX_QUERIES)))
  votes = np.zeros((*valid.shape, weights.shape[-1] * len(VOTE_KM)), np.float32)
  for query, real in enumerate(valid):
    # Channels propose the same rows: a long list is a third padding.
    end = 1 + int(np.flatnonzero(real).max(initial=-1))
    at = np.s_[query:query + 1, :min(k, -(-end // _STEP) * _STEP)]
    votes[at] = _votes(xyz[at], weights[at])
  return votes


def _in_blocks(xyz: Float[np.ndarray, 'b k 3'],
               weights: Float[np.ndarray, 'b k w'],
               block: int) -> Float[np.ndarray, 'b k v']:
  """So many queries at a time, the last ones filled up: one compilation."""
  votes = np.empty((*xyz.shape[:2], weights.shape[-1] * len(VOTE_KM)),
                   np.float32)
  for part, padded in blocks.padded(block, xyz, weights):
    votes[part] = _votes(*padded)[:part.stop - part.start]
  return votes


@jax.jit
def _votes(xyz: Float[jax.Array, 'b k 3'],
           weights: Float[jax.Array, 'b k w']) -> Float[jax.Array, 'b k v']:
  # Chords through the Earth, 1 % short of the arc at 3000 km. By differences:
  # a float32 dot product is blind below 2 km.
  squares = sum((xyz[:, :, None, axis] - xyz[:, None, :, axis])**2
                for axis in range(3))
  km = distance.EARTH_RADIUS_KM * jnp.sqrt(squares)
  far = jnp.exp(-km / VOTE_KM[2])
  # Distances are symmetric, and with the few rows on the left the product
  # takes a half less.
  near = [jnp.einsum('bwj,bji->bwi', weights.swapaxes(1, 2), kernel,
                     precision=jax.lax.Precision.HIGHEST)
          for kernel in (far**64, far**8, far)]
  # A candidate does not vote for itself.
  others = jnp.stack(near, axis=2) - weights.swapaxes(1, 2)[:, :, None]
  return others.reshape(len(xyz), -1, xyz.shape[1]).swapaxes(1, 2)


def _shares(weights: Float[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
  total = weights.sum(axis=1, keepdims=True)
  return weights / np.where(total > 0, total, 1.)
