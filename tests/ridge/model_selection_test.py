"""Penalty and mixture are chosen by inner folds alone, and with care."""

import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.ridge import mixture as mixtures
from pinpoint_jax.ridge import model_selection
import pytest

NUM, DIM = 90, 12


def table(seed, noise=.3, signal=1.):
  """Places on all the Earth; features that hold them, and noise."""
  rng = np.random.default_rng(seed)
  latlng_deg = coords.to_latlng_deg(rng.normal(size=(NUM, 3)))
  mixing = np.random.default_rng(99).normal(size=(3, DIM))
  mixed = signal * coords.to_xyz(latlng_deg) @ mixing
  return mixtures.Table(mixed + noise * rng.normal(size=mixed.shape),
                        latlng_deg)


def choose(tables, clusters=None):
  numbers = np.arange(NUM) % 3
  splits = [model_selection.Split(*(
      {source: np.flatnonzero(rows) for source in tables}
      for rows in (numbers != k, numbers == k))) for k in range(3)]
  clusters = clusters or {source: np.arange(NUM).astype(str)
                          for source in tables}
  return model_selection.choose(mixtures.fit(tables).inputs, tables, clusters,
                                splits)


def test_features_that_say_nothing_leave_the_constant_place():
  [(alone, both)] = choose({'photo': table(0, signal=0.)}).values()
  assert alone is both
  assert alone.mixture == mixtures.Mixture(0., 0., 1., 0.)


def test_features_that_hold_the_place_are_used():
  [(alone, _)] = choose({'photo': table(0)}).values()
  assert alone.mixture.own and alone.gain > 2 * alone.standard_error > 0


def test_a_source_of_noise_is_left_out():
  chosen = choose({'photo': table(0), 'street': table(1, signal=0.)})
  alone, both = chosen['photo']
  assert both is alone
  [(without, _)] = choose({'photo': table(0)}).values()
  assert (without.penalty, without.mixture) == (alone.penalty, alone.mixture)


def test_a_source_that_knows_more_is_used():
  chosen = choose({'photo': table(0, noise=6.), 'street': table(1)})
  alone, both = chosen['photo']
  assert both.mixture.other and not both.mixture.alone
  assert both.geoscore > alone.geoscore


def test_what_two_authors_agree_on_is_luck():
  """The same rows as before, taken by two people: no step is sure."""
  clusters = {'photo': np.where(np.arange(NUM) < 45, 'a', 'b')}
  options = [[model_selection.USUAL]] * 4
  base = np.zeros(NUM)
  gain = np.where(np.arange(NUM) < 45, 100., 10.)
  scores = np.stack([base, base + gain, base, base])
  alone, _ = model_selection._steps(scores, clusters['photo'], options)
  assert alone.geoscore == 0
  alone, _ = model_selection._steps(scores, np.arange(NUM).astype(str), options)
  assert alone.geoscore == pytest.approx(55)


def test_standard_error_by_hand():
  # Clusters sum to 2 and -2 about a mean of 1 over 4: sqrt(8 · 2 / 1) / 4.
  mean, error = model_selection._gain(np.array([2., 2., 0., 0.]),
                                      np.array(['a', 'a', 'b', 'b']))
  assert (mean, error) == (1., 1.)


def test_rows_that_no_split_names_are_not_read():
  some = table(0)
  inputs = mixtures.fit({'photo': some}).inputs
  rows, clusters = np.arange(0, NUM, 2), {'photo': np.arange(NUM).astype(str)}
  splits = [model_selection.Split({'photo': rows[i::2]},
                                  {'photo': rows[1 - i::2]}) for i in range(2)]
  features = some.features.copy()
  features[1::2] = np.nan  # Refused, were they read.
  chosen = [model_selection.choose(inputs, {'photo': mixtures.Table(
      given, some.latlng_deg)}, clusters, splits)
            for given in (some.features, features)]
  assert chosen[0] == chosen[1]


def test_every_option_is_an_option():
  steps = model_selection._options(2)
  assert [len(step) for step in steps] == [1, 1, 30, 276]
  assert all(mixture.alone for step in steps[:3] for _, mixture in step)
  assert not any(mixture.alone for _, mixture in steps[3])
