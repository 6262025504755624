"""p-values hold for photos like the calibration's, whatever they are worth."""

import numpy as np
from pinpoint_jax.answer import claim_calibration
import pytest
from scipy import stats

KNOWN = np.ones(4, np.float32)


def world(num, seed=0, apart=2.):
  """Two columns: one parts true from moved places, one is noise."""
  rng = np.random.default_rng(seed)
  true = rng.normal(size=(num, 2)) * [1, 3]
  moved = rng.normal(size=(num, 2, 2)) * [1, 3] - [apart, 0]
  return true, moved, np.ones((num, 2), bool), KNOWN, np.arange(num).astype(str)


def fitted(levels):
  return claim_calibration.ClaimCalibration(
      np.zeros(2, np.float32), np.ones(2, np.float32),
      np.asarray([1, 0, .5], np.float32), np.asarray(levels, np.float32), KNOWN)


def test_p_values_by_hand():
  # Statistic: first column + 0.5. Of nine true places 0, 1, 2 or 9 fit no
  # better; the claim counts as one of ten.
  claims = fitted(np.arange(1, 10))
  columns = np.asarray([[0., 7.], [.5, 7.], [2., 7.], [100., 7.]])
  statistic = claims.statistic(columns)
  np.testing.assert_array_equal(statistic, np.float32([.5, 1., 2.5, 100.5]))
  np.testing.assert_allclose(claims.p_values(statistic), [.1, .2, .3, 1.])
  assert claims.least_p == .1


def test_parts_are_weighed_and_scaled():
  claims = claim_calibration.ClaimCalibration(
      np.float32([1, 2]), np.float32([2, 4]), np.float32([3, 5, 7]),
      np.float32([0]), KNOWN)
  np.testing.assert_allclose(claims.parts(np.asarray([[5., -2.]])), [[6, -5]])
  assert claims.statistic(np.asarray([[5., -2.]])) == 8.


@pytest.mark.parametrize('apart', [2., 0.])
def test_true_places_have_uniform_p_values(apart):
  claims = claim_calibration.fit(*world(4000, apart=apart))
  fresh, *_ = world(4000, seed=1)
  p_values = claims.p_values(claims.statistic(fresh))
  # Uniform up to the noise of 2,000 levels and 4,000 photos; a statistic that
  # says nothing is no excuse.
  assert stats.kstest(p_values, 'uniform').statistic < .06
  for level in (.01, .05, .2):
    spread = np.sqrt(level * (1 - level) * (1 / 2000 + 1 / 4000))
    assert (p_values <= level).mean() <= level + 4 * spread


def test_the_promise_holds_for_few_photos_too():
  """On average over calibrations: at most the level, 1 / (n + 1) at least."""
  shares = []
  for seed in range(40):
    claims = claim_calibration.fit(*world(60, seed=seed))
    fresh, *_ = world(400, seed=1000 + seed)
    shares.append((claims.p_values(claims.statistic(fresh)) <= .1).mean())
  assert len(claims.levels) == 30
  # floor(31 * 0.1) of 31 ranks are rejected.
  assert np.mean(shares) == pytest.approx(3 / 31, abs=.04)


def test_what_is_farther_apart_is_rejected_more_often():
  claims = claim_calibration.fit(*world(2000))
  shares = []
  for apart in (0., 1., 2., 4.):
    _, moved, *_ = world(2000, seed=2, apart=apart)
    p_values = claims.p_values(claims.statistic(moved[:, 0]))
    shares.append((p_values <= .05).mean())
  assert shares == sorted(shares) and shares[0] < .1 and shares[-1] > .8


def test_the_levels_are_of_the_half_that_was_not_learned_from():
  true, moved, valid, known, _ = world(400)
  authors = np.repeat(['anna', 'bert'], 200)
  claims = claim_calibration.fit(true, moved, valid, known, authors)
  np.testing.assert_array_equal(
      claims.levels, np.sort(claims.statistic(true[200:])))
  # Moved places of the second half are never read.
  moved[200:] = np.nan
  again = claim_calibration.fit(true, moved, valid, known, authors)
  np.testing.assert_array_equal(again.weights, claims.weights)


def test_too_few_photos_that_can_be_moved_give_none():
  true, moved, valid, known, names = world(400)
  assert claim_calibration.fit(true, moved, valid & False, known, names) is None
  assert claim_calibration.fit(true, moved, valid, known,
                               np.full(400, 'anna')) is None


def test_a_constant_column_says_nothing():
  true, moved, *rest = world(400)
  true[:, 1] = moved[..., 1] = 3.
  claims = claim_calibration.fit(true, moved, *rest)
  assert np.isfinite(claims.weights).all() and claims.weights[1] == 0


def test_what_misfits_is_not_sound():
  claims = claim_calibration.fit(*world(400))
  assert claims.is_sound(2) and not claims.is_sound(3)
  assert not fitted([2, 1]).is_sound(2) and not fitted([]).is_sound(2)
