"""Chances that come true, and radii that hold for their share."""

import dataclasses
import math

import numpy as np
from pinpoint_jax.answer import calibration, records
from pinpoint_jax.geo import distance
import pytest

KM_DEG = 180 / math.pi / distance.EARTH_RADIUS_KM


def world(num, seed=0, sharp=1.):
  """Photos whose true chance of each threshold is known, and their errors."""
  rng = np.random.default_rng(seed)
  good = rng.uniform(-3, 3, num)
  near = 1 / (1 + np.exp(-(good[:, None] * sharp
                           + np.linspace(-2, 3, 5)[None])))
  level = rng.random(num)
  log_km = np.log([1e-2, *calibration.THRESHOLDS_KM, 20_000])
  heights = np.concatenate([np.zeros((num, 1)), near, np.ones((num, 1))], 1)
  km = np.asarray([math.exp(np.interp(u, h, log_km))
                   for u, h in zip(level, heights)])
  alike = rng.uniform(.2, .9, num)
  return calibration.Signals(near, alike), km, np.arange(num).astype(np.str_)


def test_signals_by_hand():
  # Chances 0.5, 0.3, 0.2 at 0, 10 and 300 km from the answer.
  places = np.asarray([[[0., 0.], [0., 10 * KM_DEG], [0., 300 * KM_DEG]]])
  scores = np.log([[.5, .3, .2]])
  result = calibration.signals(scores, places, places[:, 0], np.ones(1))
  np.testing.assert_allclose(result.near, [[.5, .8, .8, 1, 1]], atol=1e-12)


def test_chances_come_true_where_scores_are_too_sure():
  told, km, names = world(20_000)
  logits = np.log(told.near / (1 - told.near))
  boasting = calibration.Signals(1 / (1 + np.exp(-2 * logits)), told.alike)
  fitted = calibration.fit(boasting, km, names)
  fresh, fresh_km, _ = world(20_000, seed=1)
  logits = np.log(fresh.near / (1 - fresh.near))
  asked = calibration.Signals(1 / (1 + np.exp(-2 * logits)), fresh.alike)
  chances = fitted.chances(asked)
  for i, threshold in enumerate(calibration.THRESHOLDS_KM):
    right = fresh_km < threshold
    order = np.argsort(chances[:, i])
    for part in np.array_split(order, 5):
      assert chances[part, i].mean() == pytest.approx(
          right[part].mean(), abs=.03)
  # Taken as they are, the scores promise too much or too little.
  worst = max(abs(asked.near[part, 1].mean() - (fresh_km[part] < 25).mean())
              for part in np.array_split(np.argsort(asked.near[:, 1]), 5))
  assert worst > .1


def test_chances_never_fall_with_the_radius():
  signals, km, names = world(500)
  fitted = calibration.fit(signals, km, names)
  crossed = dataclasses.replace(fitted, weights=fitted.weights[::-1])
  assert (np.diff(crossed.chances(signals), axis=1) >= 0).all()


@pytest.mark.parametrize('share', [.5, .8, .9, .95])
def test_radii_hold_for_their_share_whatever_the_curves_are_worth(share):
  signals, km, names = world(4000)
  blind = calibration.Signals(np.full_like(signals.near, .5), signals.alike)
  fresh, fresh_km, _ = world(4000, seed=2)
  for known, asked in ((signals, fresh), (blind, blind)):
    fitted = calibration.fit(known, km, names)
    radii = [fitted.reach(chances).radius_km(share)
             for chances in fitted.chances(asked)]
    # Four standard deviations of 4,000 photos and of 2,000 levels.
    assert np.mean(fresh_km <= radii) == pytest.approx(share, abs=.04)


def test_a_radius_is_larger_where_less_is_known():
  signals, km, names = world(2000)
  fitted = calibration.fit(signals, km, names)
  sure, unsure = (fitted.reach(fitted.chances(calibration.Signals(
      np.full((1, 5), near), np.asarray([.5])))[0]).radius_km(.9)
                  for near in (.99, .05))
  assert sure < unsure / 2


def test_conformal_rank_by_hand():
  # Nine levels: 90 % needs rank ceil(10 · 0.9) = 9, the last; 95 % has none.
  log_km = np.log([.01, 1, 25, 200, 750, 2500, records.FARTHEST_KM])
  reach = records.Reach(log_km, np.linspace(0, 1, 7), np.linspace(.1, .9, 9))
  expected = math.exp(np.interp(.9, np.linspace(0, 1, 7), log_km))
  assert reach.radius_km(.9) == pytest.approx(expected)
  assert reach.radius_km(.95) == records.FARTHEST_KM
  for bad in (0., 1., -1., math.nan):
    with pytest.raises(ValueError, match='share of photos'):
      reach.radius_km(bad)


def test_halves_share_no_author():
  signals, km, _ = world(400)
  two = np.repeat(['anna', 'bert'], 200)
  fitted = calibration.fit(signals, km, two)
  assert len(fitted.levels) == 200
  with pytest.raises(ValueError, match='of 1 authors or drives'):
    calibration.fit(signals, km, np.full(400, 'anna'))


def test_unlike_is_one_in_a_hundred():
  signals, km, names = world(5000)
  fitted = calibration.fit(signals, km, names)
  assert fitted.is_unlike(signals).mean() == pytest.approx(.01, abs=.002)


def test_separable_thresholds_stay_finite():
  signals, km, names = world(400)
  fitted = calibration.fit(signals, np.full(400, .5), names)
  assert np.isfinite(fitted.weights).all()
  assert (fitted.chances(signals) > .9).all()
