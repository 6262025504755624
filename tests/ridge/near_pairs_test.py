"""The linear maps: they keep what a place shows and drop everything else."""

import dataclasses

import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.ridge import near_pairs
import pytest

PLACES, EACH = 300, 6


def pictures(source, clue, loud=5., seed=0, apart_km=0.):
  """Each place shows its number `clue`; another number is loud and random."""
  rng = np.random.default_rng([seed, *source.encode()])
  latlng_deg = np.random.default_rng(0).uniform(-60, 60, (PLACES, 2))
  latlng_deg = np.repeat(latlng_deg, EACH, axis=0)
  latlng_deg[:, 0] += rng.normal(size=len(latlng_deg)) * apart_km / 111
  features = rng.normal(size=(len(latlng_deg), 4))
  features[:, clue] = np.repeat(np.random.default_rng(1).normal(size=PLACES),
                                EACH) + .5 * features[:, clue]
  features[:, 3] *= loud
  return near_pairs.Pictures(features, coords.to_xyz(latlng_deg),
                             np.arange(len(features)))


def test_what_near_pictures_share_is_kept_and_the_loud_is_not():
  kernel = near_pairs.fit({'photo': pictures('photo', 1)}, 1)['photo'].kernel
  shares = np.abs(kernel[:, 0]) / np.abs(kernel).sum()
  assert shares.argmax() == 1 and shares[1] > .9


def test_the_forecast_by_hand():
  # f = u + e, variances 1 and 1/4: another picture of the place is foretold by
  # z = u-axis · sqrt(S) / Σ, so z · z' = f f' · 1 / (1 + 1/4)².
  linear = near_pairs.fit({'photo': pictures('photo', 1)}, 1,
                          near_pairs.Settings(shrinkage=0.))['photo']
  u = np.random.default_rng(1).normal(size=PLACES)
  total = u.var() + .25
  assert abs(linear.kernel[1, 0]) == pytest.approx(
      u.std() / total, rel=.1)
  z = pictures('photo', 1).features @ linear.kernel + linear.bias
  assert z.mean() == pytest.approx(0, abs=1e-5)


def test_two_sources_meet_in_one_space():
  both = {'photo': pictures('photo', 1), 'street': pictures('street', 2)}
  maps = near_pairs.fit(both, 1)
  z = {s: both[s].features @ maps[s].kernel + maps[s].bias for s in both}
  # The same places in the same order: correlation 1 / (1 + 1/4).
  result = np.corrcoef(z['photo'][:, 0], z['street'][:, 0])[0, 1]
  assert result == pytest.approx(.8, abs=.1)


def test_pairs_by_one_person_do_not_count():
  alone = pictures('photo', 1)
  # All pictures of a place are one person's, who brings a camera.
  whose = np.repeat(np.arange(PLACES), EACH)
  with pytest.raises(ValueError, match='no two pictures by different people '
                     'within 10.0 km'):
    near_pairs.fit({'photo': dataclasses.replace(alone, origin=whose)}, 1)


def test_far_pictures_are_no_pair():
  far = pictures('photo', 1, apart_km=300.)
  with pytest.raises(ValueError, match='raise pair_km'):
    near_pairs.fit({'photo': far}, 1, near_pairs.Settings(pair_km=.01))


def test_more_numbers_than_there_are_directions_are_zero():
  kernel = near_pairs.fit({'photo': pictures('photo', 1)}, 6)['photo'].kernel
  assert kernel.shape == (4, 6) and (kernel[:, 4:] == 0).all()
