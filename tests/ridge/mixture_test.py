"""Ridges of two sources: by hand, and what each may take from the other."""

import dataclasses
import math

import numpy as np
from pinpoint_jax.ridge import mixture as mixtures
from pinpoint_jax.ridge import ridge as kernel_ridge
import pytest

SCALE_KM = kernel_ridge.SCALES_KM['expected_score']
WEST, EAST = np.array([0., 0.]), np.array([0., 90.])
LINEAR = kernel_ridge.Settings('linear', 1.)


def tables():
  """Photos of -1 and 1, street views of 9 and 11: west and east."""
  places = np.stack([WEST, EAST])
  return {'photo': mixtures.Table(np.array([[-1.], [1.]]), places),
          'street': mixtures.Table(np.array([[9.], [11.]]), places)}


def test_two_sources_by_hand():
  ridges = mixtures.fit(tables(), LINEAR)
  # As in ridge_test: the weight of a place moves by 1 / (2 + penalty).
  np.testing.assert_allclose(
      ridges.models['photo', 0.4].weights, [[-1 / 2.4, 1 / 2.4]])
  # A street view of 11 is, by its own mean of 10, what a photo of 1 is.
  view = ridges.inputs['street', 'photo']
  np.testing.assert_allclose(view.map(np.array([[11.], [10.]])), [[1.], [0.]])
  mixture = mixtures.Mixture(own=1., other=1., prior=1., other_prior=1.)
  far = math.exp(-6371.0088 * math.pi / 2 / SCALE_KM)
  scores = mixtures.scores(ridges, 'street', np.array([[11.]]), 0.4, mixture,
                           SCALE_KM)
  east, west = 2 * (.5 + 1 / 2.4), 2 * (.5 - 1 / 2.4)
  np.testing.assert_allclose(scores.values, [2 * [
      west + far * east, east + far * west]])
  np.testing.assert_array_equal(scores.latlng_deg, [WEST, EAST] * 2)


@pytest.mark.parametrize('mixture', [
    mixtures.Mixture(1., 0., 0.5, 0.), mixtures.Mixture(0., 0., 1., 0.)])
def test_a_source_that_answers_alone_is_not_touched_by_another(mixture):
  both, alone = tables(), {'photo': tables()['photo']}
  queries = np.array([[-3.], [.2], [1.]])
  places = [mixtures.answer(mixtures.fit(some, LINEAR), 'photo', queries, 0.4,
                            mixture, SCALE_KM) for some in (both, alone)]
  np.testing.assert_array_equal(*places)


def test_the_other_ridge_answers_where_the_own_one_is_left_out():
  some = tables()
  some['photo'] = dataclasses.replace(
      some['photo'], features=some['photo'].features[::-1])  # All wrong.
  answer = lambda own, other: mixtures.answer(
      mixtures.fit(some, LINEAR), 'photo', np.array([[1.]]), 0.4,
      mixtures.Mixture(own, other, 0.5, 0.), SCALE_KM)
  np.testing.assert_array_equal(answer(0., 1.), [EAST])
  np.testing.assert_array_equal(answer(1., 0.), [WEST])


def test_features_of_different_size_do_not_meet():
  some = tables()
  some['street'] = dataclasses.replace(
      some['street'], features=np.ones((2, 3)))
  ridges = mixtures.fit(some, LINEAR)
  assert set(ridges.inputs) == {('photo', 'photo'), ('street', 'street')}
  mixture = mixtures.Mixture(1., 1., 0.5, 0.5)
  np.testing.assert_array_equal(mixtures.answer(
      ridges, 'photo', np.array([[1.]]), 0.4, mixture, SCALE_KM), [EAST])


def test_a_light_prior_takes_density_out_of_the_answer():
  """Nine photos in the west look like anything, one in the east is alone."""
  features = np.array([[-1.]] * 9 + [[1.]])
  places = np.array([WEST] * 9 + [EAST])
  ridges = mixtures.fit({'photo': mixtures.Table(features, places)}, LINEAR)
  at = lambda prior: mixtures.answer(
      ridges, 'photo', np.array([[.5]]), 0.8,
      mixtures.Mixture(1., 0., prior, 0.), SCALE_KM)
  np.testing.assert_array_equal(at(0.5), [EAST])
  np.testing.assert_array_equal(at(16.), [WEST])
