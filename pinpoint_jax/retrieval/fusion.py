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
from scipy import optimize

# Of the reward: answers within 1 and 25 km count beyond their GeoScore.
_WITHIN_1KM, _WITHIN_25KM = 0.1, 0.2
# Similarities differ by some hundredths: weights are of this order.
_FIRST = 10.0


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
  valid = jnp.asarray(shortlist.rows >= 0)
  sims = jnp.where(valid[..., None], shortlist.similarities, 0.)
  dist_km = jnp.where(valid, jnp.asarray(dist_km, jnp.float32), 0.)
  if not bool(valid.any()):
    raise ValueError('fusion: no query has a candidate to learn from')
  def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
    value, grad = _value_and_grad(
        jnp.asarray(weights, jnp.float32), sims, dist_km, valid)
    return float(value), np.asarray(grad, np.float64)
  found = optimize.minimize(
      cost, _FIRST * used, jac=True, method='L-BFGS-B',
      bounds=[(0., None if one else 0.) for one in used])
  return Fusion(*(float(weight) for weight in found.x))


def _used(channels: Sequence[str]) -> Bool[np.ndarray, '3']:
  unknown = set(channels) - set(types.CHANNELS)
  if unknown or not channels:
    raise ValueError(f'channels {list(channels)}: choices are '
                     f'{types.CHANNELS}, at least one')
  return np.isin(types.CHANNELS, list(channels))


def _cost(weights: Float[jax.Array, '3'], sims: Float[jax.Array, 'b k 3'],
          dist_km: Float[jax.Array, 'b k'],
          valid: jax.Array) -> Float[jax.Array, '']:
  # Not a dot product: three numbers summed in full float32.
  scores = jnp.sum(sims * weights[None, None], axis=-1)
  return ranking.mean(ranking.expected_reward(
      scores, dist_km, valid, _WITHIN_1KM, _WITHIN_25KM))


# Here, not in `fit`: the next fit of the same shapes need not compile.
_value_and_grad = jax.jit(jax.value_and_grad(_cost))
