"""Chances that come true, and radii that hold for their share."""

import dataclasses
import math

import numpy as np
from pinpoint_jax.answer import calibration, records
from pinpoint_jax.answer import signals as signals_lib
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
  log_km = np.log([1e-2, *signals_lib.THRESHOLDS_KM, 20_000])
  heights = np.concatenate([np.zeros((num, 1)), near, np.ones((num, 1))], 1)
  km = np.asarray([math.exp(np.interp(u, h, log_km))
                   for u, h in zip(level, heights)])
  alike = rng.uniform(.2, .9, num)
  return signals_lib.Signals(near, alike), km, np.arange(num).astype(np.str_)


def test_signals_by_hand():
  # Chances 0.5, 0.3, 0.2 at 0, 10 and 300 km from the answer.
  places = np.asarray([[[0., 0.], [0., 10 * KM_DEG], [0., 300 * KM_DEG]]])
  scores = np.log([[.5, .3, .2]])
  result = signals_lib.of(scores, places, places[:, 0], np.ones(1))
  np.testing.assert_allclose(result.near, [[.5, .8, .8, 1, 1]], atol=1e-12)


@pytest.mark.slow
def test_chances_come_true_where_scores_are_too_sure():
  told, km, names = world(20_000)
  logits = np.log(told.near / (1 - told.near))
  boasting = signals_lib.Signals(1 / (1 + np.exp(-2 * logits)), told.alike)
  fitted = calibration.fit(boasting, km, names)
  fresh, fresh_km, _ = world(20_000, seed=1)
  logits = np.log(fresh.near / (1 - fresh.near))
  asked = signals_lib.Signals(1 / (1 + np.exp(-2 * logits)), fresh.alike)
  chances = fitted.chances(asked)
  for i, threshold in enumerate(signals_lib.THRESHOLDS_KM):
    right = fresh_km < threshold
    order = np.argsort(chances[:, i])
    for part in np.array_split(order, 5):
      assert chances[part, i].mean() == pytest.approx(
          right[part].mean(), abs=.03)
  # Taken as they are, the scores promise too much or too little.
  worst = max(abs(asked.near[part, 1].mean() - (fresh_km[part] < 25).mean())
              for part in np.array_split(np.argsort(asked.near[:, 1]), 5))
  assert worst > .1


def photos(odds, true, others=0., seed=0):
  """Photos that score these log-odds within 25 km and come true otherwise."""
  rng = np.random.default_rng(seed)
  logits = np.repeat(odds[:, None], 5, axis=1)
  logits[:, 2:] += np.asarray(others)[..., None]
  right = rng.random(len(odds)) < true
  return (signals_lib.Signals(1 / (1 + np.exp(-logits)), np.full(
      len(odds), .5)), np.where(right, 10., 9000.),
          np.arange(len(odds)).astype(np.str_))


def test_chances_come_true_where_the_odds_bend():
  # Between log-odds of -2 and 2 all photos are as good as each other.
  odds = np.random.default_rng(5).uniform(-5, 5, 20_000)
  true = 1 / (1 + np.exp(-(odds - np.clip(odds, -2, 2))))
  signals, km, names = photos(odds, true)
  chances = calibration.fit(signals, km, names).chances(signals)[:, 1]
  for part in np.array_split(np.argsort(odds), 10):
    assert chances[part].mean() == pytest.approx(true[part].mean(), abs=.03)


def test_what_lies_farther_out_tells_of_what_is_near():
  # Half of the photos have all of their probability within 200 km.
  rng = np.random.default_rng(6)
  odds, whole = rng.uniform(-2, 2, 20_000), rng.random(20_000) < .5
  true = np.where(whole, .8, .3)
  signals, km, names = photos(odds, true, np.where(whole, 5., 0.))
  chances = calibration.fit(signals, km, names).chances(signals)[:, 1]
  for some, wanted in ((whole, .8), (~whole, .3)):
    np.testing.assert_allclose(chances[some], wanted, atol=.06)


def test_few_photos_leave_scores_as_they_stand():
  odds = np.linspace(-3, 3, 40)
  true = 1 / (1 + np.exp(-odds))
  signals, km, names = photos(odds, true)
  chances = calibration.fit(signals, km, names).chances(signals)[:, 1]
  assert np.abs(chances - true).mean() < .1
  # Of forty photos alone the curve would fall in places, and end above .999.
  assert (np.diff(chances) > 0).all() and .5 < chances[-1] < .99
  # One of two photos of even odds is right: nothing has to be put right.
  even = signals_lib.Signals(np.full((2, 5), .5), np.full(2, .3))
  np.testing.assert_allclose(
      calibration.chance_weights(even.columns(1), np.asarray([True, False])),
      [1, 1] + [0] * 11, atol=1e-6)


def test_chances_never_fall_with_the_radius():
  signals, km, names = world(500)
  fitted = calibration.fit(signals, km, names)
  crossed = dataclasses.replace(fitted, weights=fitted.weights[::-1])
  assert (np.diff(crossed.chances(signals), axis=1) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize('share', [.5, .8, .9, .95])
def test_radii_hold_for_their_share_whatever_the_curves_are_worth(share):
  signals, km, names = world(4000)
  blind = signals_lib.Signals(np.full_like(signals.near, .5), signals.alike)
  fresh, fresh_km, _ = world(4000, seed=2)
  for known, asked in ((signals, fresh), (blind, blind)):
    fitted = calibration.fit(known, km, names)
    radii = [fitted.reach(heights).radius_km(share)
             for heights in fitted.heights(asked)]
    # Four standard deviations of 4,000 photos and of 2,000 levels.
    assert np.mean(fresh_km <= radii) == pytest.approx(share, abs=.04)


def test_a_radius_is_larger_where_less_is_known():
  signals, km, names = world(2000)
  fitted = calibration.fit(signals, km, names)
  sure, unsure = (fitted.reach(fitted.heights(signals_lib.Signals(
      np.full((1, 5), near), np.asarray([.5])))[0]).radius_km(.9)
                  for near in (.99, .05))
  assert sure < unsure / 2


def test_radii_hold_for_hard_and_easy_photos_alike():
  """Signals are blind to why the hard third errs: one level would not do."""
  signals, km, names = world(6000)
  odds = np.log(signals.near / (1 - signals.near))
  boast = signals_lib.Signals(1 / (1 + np.exp(-np.where(
      odds < 0, odds / 4, odds))), signals.alike)
  fitted = calibration.fit(boast.take(np.arange(4000)), km[:4000], names[:4000])
  assert [len(some) for some in fitted.groups] == [667, 666, 667]
  asked, truth = boast.take(np.arange(4000, 6000)), km[4000:]
  heights = fitted.heights(asked)
  radii = np.asarray([fitted.reach(some).radius_km(.8) for some in heights])
  for part in np.array_split(np.argsort(heights[:, 1]), 3):
    # Four standard deviations of 667 photos and of 667 levels.
    assert np.mean(truth[part] <= radii[part]) == pytest.approx(.8, abs=.09)
  again = calibration.from_params(fitted.as_params())
  assert again.is_sound() and again.reach(heights[0]).radius_km(
      .8) == radii[0]
  older = dict(fitted.as_params(), levels=np.sort(fitted.levels))
  del older['edges'], older['starts'], older['curve_weights']
  assert calibration.from_params(older).is_sound()
  assert not dataclasses.replace(again, edges=again.edges[:1]).is_sound()


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


@pytest.mark.parametrize('weights', [[1.5, .3, -.2], [1.5, 1.5, .3, -.2]])
def test_a_calibration_of_log_odds_is_read_as_it_was(weights):
  signals, km, names = world(400)
  params = dict(calibration.fit(signals, km, names).as_params())
  del params['curve_weights']
  params['weights'] = np.asarray([weights] * 5, np.float32)
  odds = np.log(signals.near / (1 - signals.near))
  expected = 1 / (1 + np.exp(-(1.5 * odds + .3 * signals.alike[:, None] - .2)))
  np.testing.assert_allclose(
      calibration.from_params(params).chances(signals),
      np.maximum.accumulate(expected, axis=1), rtol=1e-5)


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
