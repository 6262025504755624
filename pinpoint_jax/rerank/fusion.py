"""One score from the three similarities: `retrieval`, the single-stage answer.

  logit of a candidate = Σ_channel weight · similarity

The weights are also the temperature: softmax over the logits says how likely
each candidate is, which expected-score decoding needs.
"""

from collections.abc import Mapping, Sequence
import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.losses import ranking
import scipy

# Of the reward: answers within 1 and 25 km count beyond their GeoScore.
_WITHIN_1KM, _WITHIN_25KM = 0.2, 0.4
# Similarities differ by some hundredths: weights are of this order.
_FIRST = 10.0
# Weights with a smaller sum choose like no weights at all.
_NOTHING = 1e-6


class NoSignal(ValueError):
  """No similarity tells near candidates from far ones."""


@dataclasses.dataclass(frozen=True)
class Fusion:
  """How much each channel's similarity counts, at least 0."""

  image: float
  location: float
  raw: float

  def __post_init__(self):
    weights = dataclasses.astuple(self)
    if not np.isfinite(weights).all() or min(weights) < 0 or not sum(weights):
      raise ValueError(f'{self}: weights are finite, at least 0, not all 0')

  def logits(self, shortlist: types.Shortlist) -> Float[np.ndarray, 'b k']:
    """One score per candidate, -inf in padded slots."""
    weights = np.asarray(dataclasses.astuple(self))
    real = shortlist.rows >= 0
    sims = np.where(real[..., None], shortlist.similarities, 0.)
    return np.where(real, sims @ weights, -np.inf).astype(np.float32)

  def as_dict(self) -> Mapping[str, float]:
    """Weights by channel, ready for JSON."""
    return dataclasses.asdict(self)


def fit(shortlist: types.Shortlist, dist_km: Float[np.ndarray, 'b k'],
        channels: Sequence[str] = types.CHANNELS) -> Fusion:
  """The weights with the highest expected reward on queries of known place.

  The queries must be rows the embedder was not trained on, searched without
  themselves, their author and their sequence. Other channels weigh nothing;
  the weight of one channel alone is its temperature.
  """
  used = _used(channels)
  weights = _minimise(_FIRST * used, shortlist.similarities, dist_km,
                      shortlist.rows >= 0,
                      [(0., None if one else 0.) for one in used])
  if not sum(weights) > _NOTHING:
    raise NoSignal(f'fusion: on {len(dist_km):,} queries no weight of '
                   f'{", ".join(channels)} is better than 0, the similarities '
                   f'say nothing about distance; train a better embedder, or '
                   f'search other channels')
  return Fusion(*(float(weight) for weight in weights))


def fit_with_features(shortlist: types.Shortlist,
                      dist_km: Float[np.ndarray, 'b k'],
                      columns: Float[np.ndarray, 'b k c'],
               ) -> Float[np.ndarray, 'c_plus_3']:
  """As `fit`, of the similarities and of other columns together.

  Those of the columns may be below 0: what one says too much of, another one
  takes back.
  """
  valid = shortlist.rows >= 0
  features = np.concatenate([shortlist.similarities, columns], axis=-1)
  spread = (features[valid].std(axis=0) if valid.any()
            else np.ones(features.shape[-1]))
  spread = np.where(spread > 0, spread, 1.)
  num = len(types.CHANNELS)
  bounds = [(0., None)] * num + [(None, None)] * columns.shape[-1]
  begin = np.concatenate([_FIRST * spread[:num], np.zeros(columns.shape[-1])])
  return _minimise(begin, features / spread, dist_km, valid, bounds) / spread


def _minimise(begin: np.ndarray, columns: np.ndarray, dist_km: np.ndarray,
              valid: np.ndarray, bounds: Sequence[tuple]) -> np.ndarray:
  if not valid.any():
    raise ValueError('fusion: no query has a candidate to learn from')
  columns = jnp.asarray(np.where(valid[..., None], columns, 0.), jnp.float32)
  dist_km = jnp.asarray(np.where(valid, dist_km, 0.), jnp.float32)
  def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
    value, grad = _value_and_grad(
        jnp.asarray(weights, jnp.float32), columns, dist_km,
        jnp.asarray(valid))
    return float(value), np.asarray(grad, np.float64)
  return scipy.optimize.minimize(
      cost, begin, jac=True, method='L-BFGS-B', bounds=bounds).x


def _used(channels: Sequence[str]) -> Bool[np.ndarray, '3']:
  unknown = set(channels) - set(types.CHANNELS)
  if unknown or not channels:
    raise ValueError(f'channels {list(channels)}: choices are '
                     f'{types.CHANNELS}, at least one')
  return np.isin(types.CHANNELS, list(channels))


def _cost(weights: Float[jax.Array, 'c'], columns: Float[jax.Array, 'b k c'],
          dist_km: Float[jax.Array, 'b k'],
          valid: jax.Array) -> Float[jax.Array, '']:
  # Not a dot product: a few numbers summed in full float32.
  scores = jnp.sum(columns * weights[None, None], axis=-1)
  return ranking.mean(ranking.expected_reward(
      scores, dist_km, valid, _WITHIN_1KM, _WITHIN_25KM))


# Here, not in `fit`: the next fit of the same shapes need not compile.
_value_and_grad = jax.jit(jax.value_and_grad(_cost))
