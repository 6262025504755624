"""The best single place, by a case that can be checked by eye."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.crossval import constant
from pinpoint_jax.geo import distance


def photos(*places):
  num = len(places)
  return types.Photos(np.array([f'p{i}' for i in range(num)]),
                      np.array(places, float), np.full(num, ''),
                      np.full(num, ''), 'photo')


def test_the_crowd_wins_over_the_lonely_place():
  train = photos((48., 2.), (48., 2.), (-33., 151.))
  answers = constant.answer(train, photos((48., 2.), (52., 13.)))
  for answered in answers.values():
    assert answered.fitted == {'latlng_deg': [48., 2.]}
    np.testing.assert_allclose(answered.errors.dist_km, [
        0., distance.haversine_km(np.array([48., 2.]), np.array([52., 13.]))])


def test_a_long_scale_prefers_the_middle_and_a_short_one_the_pair():
  """Two photos in one place, four spread around another."""
  train = photos((0., 0.), (0., 0.), *[(30 + a, 60 + b) for a, b in (
      (0., 5.), (0., -5.), (5., 0.), (-5., 0.))], (30., 60.))
  answers = constant.answer(train, photos((0., 0.)))
  assert answers['argmax'].fitted['latlng_deg'] == [0., 0.]
  assert answers['expected_score'].fitted['latlng_deg'] == [30., 60.]
