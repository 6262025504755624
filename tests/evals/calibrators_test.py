"""Every way to calibrate finds chances that are known, and sees no author."""

import numpy as np
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.evals import calibrators, confidence
import pytest


def photos(num, seed=0):
  """Scores that boast: the true log-odds are half of what they say."""
  rng = np.random.default_rng(seed)
  odds = rng.uniform(-3, 3, num)
  true = 1 / (1 + np.exp(-odds))
  near = np.repeat(1 / (1 + np.exp(-2 * odds))[:, None], 5, axis=1)
  dist_km = np.where(rng.random(num) < true, .5, 9000.)
  return signals_lib.Signals(near, rng.random(num)), true, dist_km


@pytest.mark.parametrize('name', calibrators.CALIBRATORS)
def test_boasting_scores_are_put_right(name):
  signals, true, dist_km = photos(4000)
  asked, wanted, _ = photos(1000, 1)
  found = calibrators.CALIBRATORS[name](signals, 1, dist_km < 25, asked)
  assert np.abs(found - wanted).mean() < .03
  assert np.abs(asked.near[:, 1] - wanted).mean() > .08


def test_steps_by_hand():
  # 0 1 0 1 in order: the middle two are one step of a half.
  signals = signals_lib.Signals(
      np.repeat([[.1], [.2], [.3], [.4]], 5, axis=1), np.zeros(4))
  right = np.asarray([False, True, False, True])
  found = calibrators.isotonic(signals, 0, right, signals)
  np.testing.assert_allclose(found, [0, .5, .5, 1])


def test_no_photo_is_judged_by_its_own_author():
  signals, _, dist_km = photos(200)
  # Each author's photos share one score; twenty authors, no two alike.
  author = np.arange(200) % 20
  near = np.repeat((author[:, None] + 1) / 25, 5, axis=1)
  right = author % 2 == 0
  chances = calibrators.out_of_fold(
      calibrators.isotonic, signals_lib.Signals(near, signals.alike),
      np.where(right, .5, 9000.), author.astype(np.str_))
  # By its own photos every author's chance would be 0 or 1, without error.
  assert confidence.brier(chances[:, 0], right) > .2
  assert (np.diff(chances, axis=1) >= 0).all()
