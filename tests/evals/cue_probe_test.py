import dataclasses

import numpy as np
from pinpoint_jax.evals import cue_probe
import pytest

COLUMNS = {'one': slice(0, 1), 'two': slice(1, 3)}


def labeled(num, noise=0.0, seed=0):
  """Three numbers, mixed into five; the first is hidden in every second row."""
  rng = np.random.default_rng(seed)
  values = rng.normal(size=(num, 3))
  mixed = np.random.default_rng(7).normal(size=(3, 5))
  shown = np.ones((num, 3), bool)
  shown[::2, 0] = False
  return cue_probe.Labeled(
      40 + 100 * (np.where(shown, values, 0) @ mixed
                  + noise * rng.normal(size=(num, 5))),
      values, shown, np.asarray([f'c{i}' for i in range(num)]))


def test_what_is_in_the_features_is_read_on_other_pictures():
  probe = cue_probe.fit(labeled(400), COLUMNS)
  others = labeled(200, seed=1)
  figure = cue_probe.score(probe, others, num_resamples=50)
  assert figure.r2 > 0.99 and figure.num_pictures == 200
  assert figure.low <= figure.r2 <= figure.high
  one = cue_probe.score(probe, others, COLUMNS['one'])
  assert one.num_pictures == 100


def test_hidden_numbers_neither_teach_nor_count():
  some, others = labeled(400), labeled(200, seed=1)
  probe = cue_probe.fit(some, COLUMNS)
  garbled = lambda x: dataclasses.replace(
      x, values=np.where(x.shown, x.values, 1e6))
  again = cue_probe.fit(garbled(some), COLUMNS)
  np.testing.assert_array_equal(again.weights, probe.weights)
  assert cue_probe.score(probe, garbled(others)) == (
      cue_probe.score(probe, others))


def test_noise_is_not_read_and_a_probe_flatters_those_it_was_fitted_on():
  some = labeled(80, noise=30.0)
  probe = cue_probe.fit(some, COLUMNS)
  own = cue_probe.score(probe, some, num_resamples=0)
  figure = cue_probe.score(probe, labeled(2000, noise=30.0, seed=1))
  assert figure.r2 < 0.1 and figure.r2 < own.r2
  assert figure.low < 0.05 and np.isnan(own.low)


def test_pictures_that_go_together_widen_the_interval():
  some = labeled(200, noise=1.0)
  probe = cue_probe.fit(labeled(400, noise=1.0, seed=2), COLUMNS)
  alone = cue_probe.score(probe, some)
  # Each picture eight times over: no more is known than before.
  eightfold = cue_probe.Labeled(*(
      np.repeat(getattr(some, field.name), 8, axis=0)
      for field in dataclasses.fields(some)))
  together = cue_probe.score(probe, eightfold)
  assert together.r2 == pytest.approx(alone.r2)
  assert together.high - together.low == pytest.approx(
      alone.high - alone.low, rel=1e-6)


def test_a_cue_that_too_few_pictures_show_is_left_out():
  some, others = labeled(400), labeled(200, seed=1)
  shown = some.shown.copy()
  shown[1:, 0] = False
  probe = cue_probe.fit(dataclasses.replace(some, shown=shown), COLUMNS)
  one = cue_probe.score(probe, others, COLUMNS['one'])
  assert np.isnan([one.r2, one.low, one.high]).all() and one.num_pictures == 0
  both = cue_probe.score(probe, others)
  assert both == cue_probe.score(probe, others, COLUMNS['two'])
