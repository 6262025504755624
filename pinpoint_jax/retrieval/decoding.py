"""From scores of candidates to one place.

  argmax           the candidate with the highest score: most likely right
  expected_score   the candidate with the highest expected GeoScore, if the
                   scores are log-odds: best placed among the likely ones
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.geo import coords, distance

NAMES = ('argmax', 'expected_score')
# As the GeoScore falls with distance.
SCALE_KM = 1492.7
# Queries at a time, each with its own matrix of worths.
_EACH = 32
# Rows of queries at a time: the weights of a block stay in the cache.
_BLOCK = 256


def argmax(scores: Float[np.ndarray, 'b k']) -> Int[np.ndarray, 'b']:
  """The best candidate of each query, the first of equals."""
  return np.argmax(scores, axis=1)


def expected_score(scores: Float[np.ndarray, 'b k'],
                   latlng_deg: Float[np.ndarray, 'k 2']) -> Int[
                       np.ndarray, 'b']:
  """argmax_i Σ_j softmax(scores)_j · exp(−d_ij / 1492.7), same candidates for
  all queries; -inf is no candidate."""
  worth = worths(latlng_deg)
  chosen = [np.argmax(np.where(np.isneginf(block), -1.,
                               softmax(block) @ worth), axis=1)
            for block in np.split(scores, range(_BLOCK, len(scores), _BLOCK))]
  return np.concatenate(chosen)


def expected_score_each(
    scores: Float[np.ndarray, 'b k'], latlng_deg: Float[np.ndarray, 'b k 2'],
) -> Int[np.ndarray, 'b']:
  """Twin of `expected_score` where each query has candidates of its own."""
  if not np.isfinite(scores.max(axis=1, initial=-np.inf)).all():
    raise ValueError('a query has no candidate with a finite score')
  chosen = np.empty(len(scores), np.int64)
  for start in range(0, len(scores), _EACH):
    block = slice(start, start + _EACH)
    short = _EACH - len(scores[block])
    found = _expected(
        jnp.pad(jnp.asarray(scores[block], jnp.float32), [(0, short), (0, 0)]),
        jnp.pad(jnp.asarray(coords.to_xyz(latlng_deg[block]), jnp.float32),
                [(0, short), (0, 0), (0, 0)]))
    chosen[block] = np.asarray(found)[:_EACH - short]
  return chosen


@jax.jit
def _expected(scores: Float[jax.Array, 'b k'],
              xyz: Float[jax.Array, 'b k 3']) -> Int[jax.Array, 'b']:
  cosine = jnp.einsum('bid,bjd->bij', xyz, xyz,
                      precision=jax.lax.Precision.HIGHEST)
  half = jnp.sqrt(jnp.clip((1. - cosine) / 2., 0., 1.))
  km = 2 * distance.EARTH_RADIUS_KM * jnp.arcsin(half)
  expected = jnp.einsum('bj,bij->bi', jax.nn.softmax(scores, axis=1),
                        jnp.exp(-km / SCALE_KM),
                        precision=jax.lax.Precision.HIGHEST)
  return jnp.argmax(jnp.where(jnp.isneginf(scores), -1., expected), axis=1)


def worths(latlng_deg: Float[np.ndarray, 'k 2']) -> Float[np.ndarray, 'k k']:
  """What each answer is worth if each other is the truth, 1 at no distance."""
  xyz = coords.to_xyz(latlng_deg)
  half = np.sqrt(np.maximum(0., (1. - xyz @ xyz.T) / 2.))
  km = 2 * distance.EARTH_RADIUS_KM * np.arcsin(np.minimum(half, 1.))
  return np.exp(-km / SCALE_KM)


def softmax(scores: Float[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
  """Weights of each row that sum to 1; rows of -inf alone are refused."""
  top = scores.max(axis=1, keepdims=True)
  if not np.isfinite(top).all():
    raise ValueError('a query has no candidate with a finite score')
  weights = np.exp(np.asarray(scores, np.float64) - top)
  return weights / weights.sum(axis=1, keepdims=True)
