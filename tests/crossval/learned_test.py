"""The learned twin of the ridge: where it begins, and where it stops."""

import jax
import numpy as np
from pinpoint_jax.crossval import learned
from pinpoint_jax.geo import coords
from pinpoint_jax.ridge import mixture as mixtures
from pinpoint_jax.ridge import ridge as kernel_ridge
import pytest

from tests.crossval import ridge_test

NUM = 60


def table(seed, noise=.3):
  """Places on all the Earth; features that hold them, and noise."""
  rng = np.random.default_rng(seed)
  latlng_deg = coords.to_latlng_deg(rng.normal(size=(NUM, 3)))
  mixed = coords.to_xyz(latlng_deg) @ np.random.default_rng(9).normal(
      size=(3, 12))
  return mixtures.Table(mixed + noise * rng.normal(size=mixed.shape),
                        latlng_deg)


def test_before_the_first_step_it_answers_as_the_ridge():
  train, asked = table(0), table(1)
  mixture = mixtures.Mixture()
  problem = learned._problem(train, 0.4, mixture)
  [begin] = learned._train(problem, (0,), 0)
  answer = mixtures.answer(
      mixtures.fit({'photo': train}), 'photo', asked.features, 0.4, mixture,
      kernel_ridge.SCALES_KM['expected_score'])
  km = kernel_ridge.distance.haversine_km(answer, asked.latlng_deg)
  by_decoding = learned._dist_km(
      problem, begin, learned._questions(problem, asked), sharpness=1e4)
  for answered in by_decoding.values():
    np.testing.assert_allclose(answered, km, atol=1e-6)


def test_training_moves_the_tower_towards_the_places():
  problem = learned._problem(table(0), 0.4, mixtures.Mixture())
  begin, end = learned._train(problem, (0, 30), 0)
  assert jax.tree.all(jax.tree.map(
      lambda a, b: bool((a != b).any()), dict(begin), dict(end)))
  again = list(learned._train(problem, (0, 30), 0))[1]
  jax.tree.map(np.testing.assert_array_equal, end, again)


@pytest.mark.slow  # Each inner fold is compiled.
def test_on_a_fold_it_is_kept_and_tells_its_epochs(tmp_path):
  rows = {'photo': ridge_test.store(tmp_path, 'photo', 20)}
  [fold, _] = learned.fold_lib.split(rows, 2)
  ridge = {'penalty': 0.4, 'mixture': {
      'own': 1., 'other': 0., 'prior': .5, 'other_prior': 0.}}
  first, again = (learned.answer(tmp_path / 'l', fold, 'photo', ridge, 0)
                  for _ in range(2))
  assert set(first) == {'argmax', 'expected_score'}
  for decode, answered in first.items():
    assert answered.errors.dist_km.max() < 1
    assert answered.fitted['epochs'] in learned.EPOCHS
    assert answered.seconds == again[decode].seconds > 0


def test_a_constant_place_stays_one(tmp_path):
  rows = {'photo': ridge_test.store(tmp_path, 'photo', 20)}
  [fold, _] = learned.fold_lib.split(rows, 2)
  ridge = {'penalty': 0.4, 'mixture': {
      'own': 0., 'other': 0., 'prior': 1., 'other_prior': 0.}}
  for answered in learned.answer(tmp_path / 'l', fold, 'photo', ridge,
                                 0).values():
    assert answered.fitted == {'epochs': 0, 'sharpness': 100.}
    assert len(np.unique(answered.errors.dist_km.round(3))) == 2
