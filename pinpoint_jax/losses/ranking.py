"""What the order of a shortlist costs, given how far each candidate is off.

  pairwise_margin   the candidate nearest the truth against each other one
  expected_reward   the softmax over the scores against what places are worth
  plackett_luce     the whole order by distance, and the order of the gaps

All give one cost per query, which does not depend on the batch it came in.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
from pinpoint_jax.geo import geoscore

# Finite, so that gradients are.
_NEVER = -1e30
# A pair of candidates whose errors differ by a factor of 25 has full weight.
_FULL_RATIO = 25
_SAME_KM, _HOPELESS_KM = 0.1, 2500


class Costs(NamedTuple):
  """Cost of each query, 0 where its candidates teach nothing, and which do."""

  cost: Float[jax.Array, 'b']
  counted: Bool[jax.Array, 'b']


def mean(costs: Costs) -> Float[jax.Array, '']:
  """Mean over the queries that count, 0 where none does."""
  return jnp.sum(costs.cost) / jnp.maximum(jnp.sum(costs.counted), 1)


def pairwise_margin(
    scores: Float[jax.Array, 'b k'], dist_km: Float[jax.Array, 'b k'],
    valid: Bool[jax.Array, 'b k'], margin: float | int = 1.0) -> Costs:
  """Mean over pairs of weight · max(0, margin − (s_nearest − s_other)).

  The weight is |log((d_o + 1) / (d_n + 1))| / log 25, at most 1. Pairs whose
  errors differ by less than 0.1 km, or both reach 2500 km, are left out. The
  first of equally near candidates is the nearest.
  """
  scores, dist_km = _filled(scores, valid), _filled(dist_km, valid)
  nearest = jnp.argmin(jnp.where(valid, dist_km, jnp.inf), axis=1)[:, None]
  s_near, d_near = (jnp.take_along_axis(x, nearest, axis=1)
                    for x in (scores, dist_km))
  # Asked this way round NaN is kept, and shows in the cost.
  left_out = (dist_km - d_near < _SAME_KM) | (d_near >= _HOPELESS_KM)
  kept = (valid & ~left_out).astype(jnp.float32)
  ratio = jnp.log1p(dist_km) - jnp.log1p(d_near)
  weight = kept * jnp.minimum(1., jnp.abs(ratio) / math.log(_FULL_RATIO))
  hinge = jnp.maximum(0., margin - (s_near - scores))
  num = jnp.sum(kept, axis=1)
  return Costs(jnp.sum(weight * hinge, axis=1) / jnp.maximum(num, 1.), num > 0)


def expected_reward(
    scores: Float[jax.Array, 'b k'], dist_km: Float[jax.Array, 'b k'],
    valid: Bool[jax.Array, 'b k'], within_1km: float | int = 0.0,
    within_25km: float | int = 0.0) -> Costs:
  """best · log(best / E), E the reward expected under softmax(scores).

  Never less than best − E, the reward given away, and as small as it near the
  best; but steep, where that is flat, once a wrong candidate is sure to win.
  A list without a good candidate has a small best and teaches little. A list
  with one candidate is not counted.
  """
  reward = rewards(_filled(dist_km, valid), within_1km, within_25km)
  log_reward = jnp.where(valid, jnp.log(reward), _NEVER)
  logits = jnp.where(valid, _filled(scores, valid), _NEVER)
  log_expected = jax.nn.logsumexp(
      jax.nn.log_softmax(logits, axis=1) + log_reward, axis=1)
  log_best = jnp.max(log_reward, axis=1)
  counted = jnp.sum(valid, axis=1) > 1
  cost = jnp.exp(log_best) * (log_best - log_expected)
  return Costs(jnp.where(counted, cost, 0.), counted)


def plackett_luce(
    scores: Float[jax.Array, 'b k'], dist_km: Float[jax.Array, 'b k'],
    valid: Bool[jax.Array, 'b k'],
    second_order: float | int = 1.0) -> Costs:
  """−log P(order by distance) a place, of candidates and of their gaps.

  Candidates are drawn one after the other by the softmax of their scores; the
  cost is that of drawing them nearest first. The second order draws pairs by
  the difference of their scores, those with the largest difference of
  log(1 + km) first (GeoRanker, arXiv 2505.13731): how much nearer counts, too.
  """
  scores, far = _filled(scores, valid), jnp.log1p(_filled(dist_km, valid))
  cost = _order_cost(scores, -far, valid)
  if second_order:
    k = scores.shape[1]
    gap = far[:, None, :] - far[:, :, None]
    paired = valid[:, :, None] & valid[:, None, :] & (gap > 0)
    cost += second_order * _order_cost(
        (scores[:, :, None] - scores[:, None, :]).reshape(-1, k * k),
        gap.reshape(-1, k * k), paired.reshape(-1, k * k))
  counted = jnp.sum(valid, axis=1) > 1
  # A sort would hide a distance that is NaN.
  cost += 0. * jnp.sum(far, axis=1)
  return Costs(jnp.where(counted, cost, 0.), counted)


def _order_cost(scores: Float[jax.Array, 'b k'], value: Float[jax.Array, 'b k'],
                valid: Bool[jax.Array, 'b k']) -> Float[jax.Array, 'b']:
  """Mean −log P that a Plackett–Luce model draws the highest value first."""
  order = jnp.argsort(jnp.where(valid, -value, jnp.inf), axis=1)
  valid = jnp.take_along_axis(valid, order, axis=1)
  logits = jnp.where(valid, jnp.take_along_axis(scores, order, axis=1), _NEVER)
  left = jax.lax.cumlogsumexp(logits, axis=1, reverse=True)
  costs = jnp.where(valid, left - logits, 0.)
  return jnp.sum(costs, axis=1) / jnp.maximum(jnp.sum(valid, axis=1), 1)


def rewards(
    dist_km: Float[jax.Array, 'b k'], within_1km: float | int = 0.0,
    within_25km: float | int = 0.0) -> Float[jax.Array, 'b k']:
  """What an answer is worth: its GeoScore as a share of 5000, mixed with 1 for
  answers below 1 and 25 km; the last two arguments are their shares."""
  rest = 1. - within_1km - within_25km
  if min(within_1km, within_25km) < 0 or rest <= 0:
    raise ValueError(f'within_1km={within_1km}, within_25km={within_25km}: '
                     f'must be at least 0 and leave something to the GeoScore')
  return (rest * geoscore.share(dist_km) + within_1km * (dist_km < 1)
          + within_25km * (dist_km < 25))


def _filled(x: Float[jax.Array, 'b k'],
            valid: Bool[jax.Array, 'b k']) -> Float[jax.Array, 'b k']:
  """x with 0 in padded slots, where there may be infinity."""
  return jnp.where(valid, x, 0.)


LOSSES = {'pairwise_margin': pairwise_margin,
          'expected_reward': expected_reward,
          'plackett_luce': plackett_luce}
