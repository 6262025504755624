"""Settings are chosen by inner folds alone."""

import dataclasses

import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.ridge import model_selection
from pinpoint_jax.ridge import ridge as kernel_ridge
import pytest

LINEAR = kernel_ridge.Settings()
# The first and the last answer every row with the most central place.
OPTIONS = [dataclasses.replace(LINEAR, penalty=p) for p in (1e9, 1., 1e10)]


def table(num):
  rng = np.random.default_rng(0)
  latlng_deg = coords.to_latlng_deg(rng.normal(size=(num, 3)))
  mixed = coords.to_xyz(latlng_deg) @ rng.normal(size=(3, 10))
  return mixed + .3 * rng.normal(size=mixed.shape), latlng_deg


def test_the_better_option_and_the_first_of_equals():
  folds = np.arange(100) % 3
  chosen = model_selection.choose(*table(100), folds, OPTIONS)
  assert chosen is OPTIONS[1]
  chosen = model_selection.choose(*table(100), folds, OPTIONS[::2])
  assert chosen is OPTIONS[0]


def test_of_many_rows_some_decide(monkeypatch):
  monkeypatch.setattr(model_selection, '_MOST_ROWS', 60)
  features, places = table(120)
  features[1::2] = np.nan  # Refused, were they read.
  chosen = model_selection.choose(features, places, np.arange(120) % 5,
                                  OPTIONS)
  assert chosen is OPTIONS[1]


def test_one_inner_fold_is_refused():
  with pytest.raises(ValueError, match='1 inner folds of 9 rows'):
    model_selection.choose(*table(9), np.zeros(9, int), OPTIONS)


def test_every_option_fits():
  assert len(set(model_selection.OPTIONS)) == 9
  for settings in model_selection.OPTIONS:
    assert len(kernel_ridge.fit(*table(5), settings).shares) == 5
