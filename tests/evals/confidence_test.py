"""Figures of confidence by hand, and against what must be true of them."""

import numpy as np
from pinpoint_jax.evals import bootstrap, confidence
import pytest


def promised(chances, dist_km, radius_km=(10.,), clusters=None):
  num = len(dist_km)
  return confidence.Promises(
      np.repeat(np.asarray(chances, float)[:, None], 5, axis=1),
      np.asarray(dist_km, float), np.broadcast_to(
          np.asarray(radius_km, float).reshape(-1, 1), (num, 1)).copy(), (.9,),
      np.arange(num).astype(np.str_) if clusters is None else clusters)


def test_calibration_error_and_brier_by_hand():
  # Two bins: 0.2 promised and one of two right; 0.9 promised, both right.
  chances, right = np.asarray([.2, .2, .9, .9]), np.asarray([1, 0, 1, 1], bool)
  assert confidence.ece(chances, right) == pytest.approx(
      .5 * abs(.2 - .5) + .5 * abs(.9 - 1))
  assert confidence.brier(chances, right) == pytest.approx(
      (.64 + .04 + .01 + .01) / 4)
  # A chance of 1 belongs to the last bin.
  assert confidence.ece(np.ones(2), np.ones(2, bool)) == 0


def test_risk_over_coverage_by_hand():
  sure, right = np.asarray([.5, .9, .5, .1]), np.asarray([0, 1, 1, 0], bool)
  coverage, risk = confidence.risk_coverage(sure, right)
  np.testing.assert_allclose(coverage, [.25, .75, 1.])
  np.testing.assert_allclose(risk, [0, 1 / 3, 1 / 2])
  # Of the two equals half a photo is wrong in each: 0, 0.5/2, 1/3, 2/4.
  assert confidence.aurc(sure, right) == pytest.approx(
      (0 + 1 / 4 + 1 / 3 + 1 / 2) / 4)


def test_area_under_risk_knows_neither_order_nor_names():
  rng = np.random.default_rng(0)
  sure, right = rng.random(50), rng.random(50) < .5
  shuffled = rng.permutation(50)
  assert confidence.aurc(sure, right) == pytest.approx(
      confidence.aurc(sure[shuffled], right[shuffled]))
  assert confidence.aurc(np.zeros(50), right) == pytest.approx(
      1 - right.mean())
  # Nothing is better than to be sure of what is right.
  assert confidence.aurc(right.astype(float), right) < confidence.aurc(
      sure, right) < confidence.aurc(1. - right, right)


def test_accepted_leaves_out_levels_that_nothing_reaches():
  table = confidence.accepted(np.asarray([.2, .6]), np.asarray([False, True]),
                              (0., .5, .7))
  assert table == [{'sure': 0., 'coverage': 1., 'risk': .5},
                   {'sure': .5, 'coverage': .5, 'risk': 0.}]


def test_area_under_roc_by_hand():
  assert confidence.roc_area(np.asarray([2., 3.]), np.asarray([1., 3.])) == (
      pytest.approx((.5 + .75) / 2))


def test_confidently_wrong_are_the_surest_first():
  some = promised([.85, .95, .99, .5], [300., 5000., 3., 900.])
  np.testing.assert_array_equal(confidence.confidently_wrong(some), [1, 0])


def test_figures_have_every_promise_with_an_interval():
  rng = np.random.default_rng(1)
  chances = rng.random(400)
  dist_km = np.where(rng.random(400) < chances, 5., 50.)
  some = promised(chances, dist_km, (10.,))
  found = confidence.figures(some, num_resamples=50)
  assert found['num_photos'] == found['num_clusters'] == 400
  assert found['ece@25km'] < .08 and found['risk@25km'] == pytest.approx(
      (dist_km > 25).mean())
  assert found['inside@0.9'] == pytest.approx((dist_km < 10).mean())
  assert found['mean_radius_km@0.9'] == found['median_radius_km@0.9'] == 10
  for name, (low, high) in found['ci95'].items():
    assert low <= high
    if not name.startswith('ece'):  # A resample is never better calibrated.
      assert low - 1e-9 <= found[name] <= high + 1e-9, name
  with pytest.raises(ValueError, match='no photo'):
    confidence.figures(some.take(np.zeros(0, int)))


def test_resamples_take_whole_clusters():
  clusters = np.asarray(['a', 'b', 'a', 'c'])
  def counted(rows):
    counts = np.bincount(rows, minlength=4)
    assert counts[0] == counts[2]
    return counts
  drawn = bootstrap.draws(counted, clusters, 200)
  assert drawn.shape == (200, 4) and drawn.mean() == pytest.approx(1, abs=.1)
