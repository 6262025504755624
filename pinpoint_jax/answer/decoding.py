"""From scores of candidates to one place.

  argmax           the candidate with the highest score: most likely right
  expected_score   the candidate with the highest expected GeoScore, if the
                   scores are log-odds: best placed among the likely ones

`interpolated` then moves the answer among the candidates near the chosen one.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.geo import coords, distance, geoscore

NAMES = ('argmax', 'expected_score')
# How far from the chosen candidate others may pull the answer.
REACH_KM = 25.0
# Pairs of candidates, and queries, that are decoded together.
_PAIRS, _MAX_QUERIES = 1 << 15, 32


def argmax(scores: Float[np.ndarray, 'b k']) -> Int[np.ndarray, 'b']:
  """The best candidate of each query, the first of equals."""
  return np.argmax(scores, axis=1)


def expected_score(
    scores: Float[np.ndarray, 'b k'], latlng_deg: Float[np.ndarray, 'b k 2'],
) -> Int[np.ndarray, 'b']:
  """argmax_i Σ_j softmax(scores)_j · exp(−d_ij / 1492.7) of each query.

  -inf is no candidate. A query's answer does not depend on the others.
  """
  softmax(scores)  # Refuses what cannot be decoded.
  xyz = coords.to_xyz(latlng_deg).astype(np.float32)
  scores = np.asarray(scores, np.float32)
  # A block of one shape: no query's answer depends on what else is in it.
  block = int(np.clip(_PAIRS // max(1, scores.shape[1]**2), 1, _MAX_QUERIES))
  chosen = [_expected(*padded)
            for _, padded in blocks.padded(block, scores, xyz)]
  chosen = np.concatenate([np.zeros(0, np.int64), *jax.device_get(chosen)])
  return chosen[:len(latlng_deg)].astype(np.int64)


@jax.jit
def _expected(scores: Float[jax.Array, 'b k'],
              xyz: Float[jax.Array, 'b k 3']) -> Int[jax.Array, 'b']:
  # From differences: 1 − cosine would lose the kilometres of near places.
  squares = sum(jnp.square(xyz[:, :, None, i] - xyz[:, None, :, i])
                for i in range(3))
  km = distance.chord_to_km(jnp.sqrt(squares))
  weights = jax.nn.softmax(scores, axis=-1)
  expected = jnp.sum(weights[:, None, :] * geoscore.share(km), axis=-1)
  return jnp.argmax(jnp.where(jnp.isneginf(scores), -1., expected), axis=-1)


def interpolated(
    scores: Float[np.ndarray, 'b k'], latlng_deg: Float[np.ndarray, 'b k 2'],
    chosen: Int[np.ndarray, 'b']) -> Float[np.ndarray, 'b 2']:
  """Mean place of the candidates within 25 km of the chosen one of each
  query, weighted by softmax(scores); the edge is within."""
  places = np.empty((len(scores), 2))
  for i, (weights, near) in enumerate(zip(softmax(scores), latlng_deg)):
    places[i] = near[chosen[i]]
    inside = distance.haversine_km(near, near[chosen[i]]) <= REACH_KM
    # The chosen one's own weight may have rounded to nothing.
    if weights[inside].sum() > 0:
      places[i] = coords.spherical_mean(near[inside], weights[inside])
  return places


def softmax(scores: Float[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
  """Weights of each row that sum to 1; rows of -inf alone are refused."""
  top = scores.max(axis=1, keepdims=True)
  if not np.isfinite(top).all():
    raise ValueError('a query has no candidate with a finite score')
  weights = np.exp(np.asarray(scores, np.float64) - top)
  return weights / weights.sum(axis=1, keepdims=True)
