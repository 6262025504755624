"""Losses of a shortlist's order: hand numbers, a loop, padding, batches."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.losses import ranking
import pytest

KM = 1492.7


LOSSES = {name: jax.jit(loss) for name, loss in ranking.LOSSES.items()}


def one(*rows):
  """Scores and distances of one query from (score, km) rows, filled up to 5."""
  filled = [*rows, *[(-np.inf, np.nan)] * (5 - len(rows))]
  scores, km = np.float32(filled).T[:, None]
  valid = np.arange(5)[None] < len(rows)
  return jnp.asarray(scores), jnp.asarray(km), jnp.asarray(valid)


@pytest.mark.parametrize('rows, expected', [
    # Factor 25 or more in d + 1: weight 1. The nearest leads by 0.25.
    ([(0.25, 0), (0., 24)], 0.75), ([(0.25, 0), (0., 9999)], 0.75),
    # Factor 5, half of log 25; the nearest is behind by 1.
    ([(0., 19), (1., 3)], 0.), ([(0., 3), (1., 19)], 1.),
    # Led by the margin or more: nothing to learn but the pair counts.
    ([(3., 0), (2., 24)], 0.), ([(3., 0), (3., 24), (1., 24)], 0.5)])
def test_pairwise_by_hand(rows, expected):
  costs = LOSSES['pairwise_margin'](*one(*rows))
  assert costs.cost.item() == pytest.approx(expected, rel=1e-6)
  assert costs.counted.item()


@pytest.mark.parametrize('rows, counted', [
    ([(0., 5.), (1., 5.05)], False), ([(0., 5.), (1., 5.2)], True),
    ([(0., 2600), (1., 9000)], False), ([(0., 2400), (1., 9000)], True),
    ([(0., 5.)], False), ([], False)])
def test_pairs_that_are_left_out(rows, counted):
  costs = LOSSES['pairwise_margin'](*one(*rows))
  assert costs.counted.item() is counted
  assert (costs.cost.item() > 0) is counted


def test_a_margin_of_ones_own():
  costs = ranking.pairwise_margin(*one((0., 0), (0., 24)), margin=3)
  assert costs.cost.item() == 3


def test_expected_reward_by_hand():
  # Chances 3/4 and 1/4; rewards 1/e and 1/e²: E = (3e + 1) / 4e².
  rows = [(math.log(3), KM), (0., 2 * KM)]
  expected = math.exp(-1) * math.log(4 * math.e / (3 * math.e + 1))
  costs = LOSSES['expected_reward'](*one(*rows))
  assert costs.cost.item() == pytest.approx(expected, rel=1e-5)
  # All weight on the best leaves nothing to pay.
  sure = LOSSES['expected_reward'](*one((99., 7), (0., 2000)))
  assert sure.cost.item() == pytest.approx(0, abs=1e-6)


def test_rewards_by_hand():
  km = jnp.asarray([[0.5, 1., 24.9, 25.]])
  result = ranking.rewards(km, within_1km=.25, within_25km=.25)
  geo = .5 * np.exp(-np.asarray(km) / KM)
  np.testing.assert_allclose(result, geo + [[.5, .25, .25, 0]], rtol=1e-6)
  with pytest.raises(ValueError, match='within_25km=1.0: must be'):
    ranking.rewards(km, within_25km=1.0)


def case(batch=12, k=7, seed=0):
  """Lists of any length, one of nothing; rubbish in padded slots."""
  rng = np.random.default_rng(seed)
  scores = rng.normal(size=(batch, k)).astype(np.float32)
  km = np.exp(rng.uniform(-3, 9.9, (batch, k))).astype(np.float32)
  valid = np.arange(k)[None] < rng.integers(1, k + 1, batch)[:, None]
  valid[3] = False
  scores[~valid], km[~valid] = -np.inf, np.nan
  return jnp.asarray(scores), jnp.asarray(km), jnp.asarray(valid)


def looped(name, scores, km):
  """Cost of one list in float64, or None where it teaches nothing."""
  if name == 'pairwise_margin':
    best = min(range(len(km)), key=lambda i: km[i], default=None)
    terms = [min(1., math.log((d + 1) / (km[best] + 1)) / math.log(25))
             * max(0., 1. - scores[best] + s)
             for s, d in zip(scores, km)
             if d - km[best] >= .1 and km[best] < 2500]
    return sum(terms) / len(terms) if terms else None
  if len(km) < 2:
    return None
  if name == 'plackett_luce':
    far = np.log1p(km)
    gaps = [(far[j] - far[i], scores[i] - scores[j])
            for i in range(len(km)) for j in range(len(km)) if far[j] > far[i]]
    return looped_order(zip(-far, scores)) + looped_order(gaps)
  reward = np.exp(-km / KM)
  p = np.exp(scores) / np.exp(scores).sum()
  return reward.max() * math.log(reward.max() / (p @ reward))


def looped_order(valued):
  """Mean −log chance of drawing (value, score) by falling value."""
  drawn = [score for _, score in sorted(valued, key=lambda x: -x[0])]
  costs = [math.log(sum(math.exp(s) for s in drawn[i:])) - drawn[i]
           for i in range(len(drawn))]
  return sum(costs) / max(len(costs), 1)


def test_plackett_luce_by_hand():
  # The near one is drawn with chance e²/(e² + e⁰), the far one is then left.
  near_first = math.log(1 + math.exp(-2))
  cost = lambda second, *rows: ranking.plackett_luce(
      *one(*rows), second_order=second).cost.item()
  assert cost(0., (2., 1), (0., 500)) == pytest.approx(near_first / 2)
  # A single pair is drawn first for sure.
  assert cost(1., (2., 1), (0., 500)) == pytest.approx(near_first / 2)
  # Three: pairs by gap are (1, 3), then (1, 2) or (2, 3).
  assert cost(1., (2., 0), (1., 9), (0., 999)) > cost(
      0., (2., 0), (1., 9), (0., 999))


@pytest.mark.parametrize('name', sorted(LOSSES))
def test_agrees_with_a_loop_and_not_with_its_batch(name):
  loss, (scores, km, valid) = LOSSES[name], case()
  whole = loss(scores, km, valid)
  expected = [looped(name, *(np.asarray(x[i][valid[i]], np.float64)
                             for x in (scores, km))) for i in range(12)]
  np.testing.assert_array_equal(whole.counted,
                                [e is not None for e in expected])
  np.testing.assert_allclose(whole.cost, [e or 0 for e in expected], rtol=2e-5)
  counted = [e for e in expected if e is not None]
  assert ranking.mean(whole).item() == pytest.approx(np.mean(counted), rel=1e-5)
  part = loss(scores[2:9], km[2:9], valid[2:9])
  np.testing.assert_allclose(part.cost, whole.cost[2:9], rtol=1e-6)


@pytest.mark.parametrize('name', sorted(LOSSES))
def test_order_within_the_list_does_not_matter(name):
  given = case()
  order = np.random.default_rng(1).permutation(7)
  whole, result = (LOSSES[name](*x) for x in (
      given, [x[:, order] for x in given]))
  np.testing.assert_allclose(result.cost, whole.cost, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(LOSSES))
def test_gradients_are_finite_and_none_is_of_padding(name):
  scores, km, valid = case()
  grad = jax.jit(jax.grad(
      lambda s: ranking.mean(LOSSES[name](s, km, valid))))(scores)
  assert np.isfinite(grad).all() and np.abs(grad).max() > 0
  assert not np.asarray(grad)[~np.asarray(valid)].any()
  nothing = jax.grad(lambda s: ranking.mean(LOSSES[name](
      s, km, jnp.zeros_like(valid))))(scores)
  assert not np.asarray(nothing).any()


def test_expected_reward_is_at_least_what_is_given_away():
  scores, km, valid = case()
  costs = LOSSES['expected_reward'](scores, km, valid)
  chances = np.exp(scores)
  chances /= np.maximum(chances.sum(axis=1, keepdims=True), 1e-9)
  worth = np.where(valid, np.exp(-np.asarray(km) / KM), 0.)
  regret = worth.max(axis=1) - (chances * worth).sum(axis=1)
  assert (costs.cost >= np.where(costs.counted, regret, 0.) - 1e-6).all()


def test_a_confident_mistake_has_a_steep_gradient():
  scores, km, valid = one((0., 0), (5., 10000))
  cost = lambda s: jnp.sum(LOSSES['expected_reward'](s, km, valid).cost)
  # The expected reward itself is flat here: its gradient is 0.0066.
  assert jax.grad(cost)(scores)[0, 1] > .5


@pytest.mark.parametrize('name', sorted(LOSSES))
def test_nan_of_a_candidate_is_not_hidden(name):
  for field in (0, 1):
    given = list(one((0., 3), (1., 40), (2., 99)))
    given[field] = given[field].at[0, 1].set(np.nan)
    assert np.isnan(ranking.mean(LOSSES[name](*given)))
