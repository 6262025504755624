"""Ridge onto places: by hand, by its twins, and on awkward tables."""

import dataclasses
import math

import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.ridge import inputs as closed_form_inputs
from pinpoint_jax.ridge import ridge as kernel_ridge
import pytest

LINEAR = kernel_ridge.Settings()
RBF = kernel_ridge.Settings(kernel='rbf', power=0.25, penalty=0.4)
BOTH = pytest.mark.parametrize('settings', [LINEAR, RBF], ids=['lin', 'rbf'])
SCALE_KM = kernel_ridge.SCALES_KM['expected_score']


def table(num, dim, seed=0):
  """Places on all the Earth; features that hold them, and noise."""
  rng = np.random.default_rng(seed)
  xyz = rng.normal(size=(num, 3))
  latlng_deg = coords.to_latlng_deg(xyz)
  mixed = coords.to_xyz(latlng_deg) @ rng.normal(size=(3, dim))
  return np.maximum(mixed + .3 * rng.normal(size=(num, dim)), 0.), latlng_deg


def test_two_rows_by_hand():
  # One column, ±1 once standardised: z zᵀ = [[1, -1], [-1, 1]], whose value
  # for (1, -1) is 2. Targets less their mean are ±(1/2, -1/2), so the weight
  # of a place changes by z · 1 / (2 + penalty) from its share of 1/2.
  places = np.array([[0., 0.], [0., 90.]])
  model = kernel_ridge.fit(np.array([[4.], [16.]]), places,
                           dataclasses.replace(LINEAR, penalty=2.))
  # Roots are 2 and 4: mean 3, spread 1; 25 stands at 5 - 3 = 2.
  scores = kernel_ridge.chances(model, np.array([[4.], [9.], [25.]]))
  np.testing.assert_allclose(scores, [[.75, .25], [.5, .5], [0., 1.]])
  far = math.exp(-6371.0088 * math.pi / 2 / SCALE_KM)
  np.testing.assert_allclose(
      kernel_ridge.scores(model, np.array([[4.]]), places, SCALE_KM),
      [[.75 + .25 * far, .75 * far + .25]])


@BOTH
@pytest.mark.parametrize('repeated', [1, 3])
def test_dual_is_primal(settings, repeated):
  features, places = (np.tile(x, (repeated, 1)) for x in table(30, 40))
  inputs = closed_form_inputs.fit(features, settings.power, settings.kernel, 99)
  anchors = kernel_ridge.anchors(places, 99)
  shares = np.bincount(anchors.of_row) / len(features)
  solved = [solve(inputs, features, anchors, shares, [settings.penalty])[0]
            for solve in (kernel_ridge._dual, kernel_ridge._primal)]
  assert np.abs(solved[0]).max() > 1e-3
  np.testing.assert_allclose(*solved, atol=1e-9)


def test_it_is_the_plain_ridge_onto_worths():
  features, places = table(50, 30)
  queries, _ = table(9, 30, seed=1)
  roots = np.sqrt(features)
  z, q = ((x - roots.mean(0)) / roots.std(0) for x in (roots, np.sqrt(queries)))
  worths = kernel_ridge.worths(places, places, SCALE_KM)
  weights = np.linalg.solve(z.T @ z + 2. * 30 * np.eye(30),
                            z.T @ (worths - worths.mean(0)))
  scores = kernel_ridge.scores(
      kernel_ridge.fit(features, places, LINEAR), queries, places, SCALE_KM)
  np.testing.assert_allclose(scores, q @ weights + worths.mean(0), atol=1e-9)


def test_it_is_plain_kernel_ridge():
  features, places = table(25, 30)
  queries, _ = table(9, 30, seed=1)
  inputs = closed_form_inputs.fit(features, .25, 'rbf', 25)
  z, q = inputs.centres, (queries**.25 - inputs.mean) / inputs.spread
  np.testing.assert_allclose(z.mean(0), 0., atol=1e-9)
  def k(a, b):
    return np.exp(-((a[:, None] - b[None])**2).sum(-1) / 60)
  np.testing.assert_allclose(closed_form_inputs.kernel(q, z), k(q, z))
  weights = np.linalg.solve(k(z, z) + .4 * np.eye(25), np.eye(25) - 1 / 25)
  model = kernel_ridge.fit(features, places, RBF)
  order = [np.flatnonzero((places == p).all(1))[0] for p in model.latlng_deg]
  np.testing.assert_allclose(kernel_ridge.chances(model, queries),
                             (k(q, z) @ weights + 1 / 25)[:, order], atol=1e-7)


@BOTH
@pytest.mark.parametrize('num', [20, 60])
def test_several_penalties_at_once(settings, num):
  tables, penalties = table(num, 30), [.5, 2.]
  settings = dataclasses.replace(settings, most_centres=30)
  both = kernel_ridge.fit_each(*tables, settings, penalties)
  for model, penalty in zip(both, penalties):
    alone = kernel_ridge.fit(
        *tables, dataclasses.replace(settings, penalty=penalty))
    np.testing.assert_array_equal(model.weights, alone.weights)


@BOTH
def test_the_order_of_rows_does_not_matter(settings):
  features, places = table(60, 20)
  queries, candidates = table(7, 20, seed=1)
  order = np.random.default_rng(0).permutation(60)
  scores = [kernel_ridge.scores(kernel_ridge.fit(features[rows], places[rows],
                                                 settings),
                                queries, candidates, SCALE_KM)
            for rows in (np.arange(60), order)]
  np.testing.assert_allclose(*scores, atol=1e-8)


@BOTH
def test_weights_sum_to_one_and_queries_are_alone(settings):
  features, places = table(60, 20)
  model = kernel_ridge.fit(features, places, settings)
  queries, _ = table(5, 20, seed=1)
  scores = kernel_ridge.chances(model, queries)
  np.testing.assert_allclose(scores.sum(1), 1.)
  np.testing.assert_allclose(kernel_ridge.chances(model, queries[2:3])[0],
                             scores[2], atol=1e-12)


@BOTH
@pytest.mark.parametrize('num', [1, 2, 20])
def test_awkward_tables(settings, num):
  features, places = table(num, 50)
  features[:, 3], features[:, 4] = 0., 0.1
  features, places = np.tile(features, (2, 1)), np.tile(places, (2, 1))
  model = kernel_ridge.fit(features, places, settings)
  queries = np.ones((3, 50))
  scores = kernel_ridge.scores(model, queries, places, 300.)
  assert np.isfinite(scores).all() and np.abs(scores).max() < 10
  # What never varied has taught nothing, however far it now lies.
  if settings.kernel == 'linear':
    queries[:, 3:5] = 7.
    np.testing.assert_allclose(
        kernel_ridge.scores(model, queries, places, 300.), scores, atol=1e-9)


@BOTH
def test_it_finds_what_features_hold(settings):
  features, places = table(300, 40)
  model = kernel_ridge.fit(features[100:], places[100:], settings)
  best = kernel_ridge.scores(model, features[:100], places[100:],
                             SCALE_KM).argmax(1)
  near = (coords.to_xyz(places[100:][best])
          * coords.to_xyz(places[:100])).sum(1)
  assert np.median(near) > .9


def test_blocks_change_nothing(monkeypatch):
  features, places = table(300, 12)
  whole = kernel_ridge.fit(features.astype(np.float16), places, LINEAR)
  monkeypatch.setattr(closed_form_inputs, 'BLOCK', 7)
  parts = kernel_ridge.fit(features.astype(np.float16), places, LINEAR)
  np.testing.assert_allclose(whole.weights, parts.weights, atol=1e-10)


def test_few_centres_are_close_to_all():
  features, places = table(400, 5)
  queries, _ = table(50, 5, seed=1)
  all_of_them, few = (kernel_ridge.scores(
      kernel_ridge.fit(features, places,
                       dataclasses.replace(RBF, most_centres=most)),
      queries, places, SCALE_KM) for most in (400, 200))
  assert np.abs(all_of_them - few).max() < .2 * np.ptp(all_of_them)


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_what_is_not_finite_is_refused(bad):
  features, places = table(20, 8)
  model = kernel_ridge.fit(features, places, LINEAR)
  features[3, 2] = bad
  with pytest.raises(ValueError, match='1 of 20 rows .* row 3'):
    kernel_ridge.fit(features, places, LINEAR)
  with pytest.raises(ValueError, match='row 3'):
    kernel_ridge.chances(model, features)


@pytest.mark.parametrize('changed, match', [
    ({'kernel': 'cubic'}, "'cubic': choices are"),
    ({'penalty': 0.}, 'penalty=0.0'), ({'penalty': math.nan}, 'penalty=nan'),
    ({'most_anchors': 0}, '0 anchors'), ({'power': 0.}, 'power=0.0'),
    ({'kernel': 'rbf', 'most_centres': 0}, '0 centres')])
def test_settings_that_mean_nothing(changed, match):
  with pytest.raises(ValueError, match=match):
    kernel_ridge.fit(*table(5, 3), dataclasses.replace(LINEAR, **changed))


def test_tables_that_do_not_match():
  features, places = table(5, 3)
  with pytest.raises(ValueError, match='5 rows of features, 4 places'):
    kernel_ridge.fit(features, places[:4], LINEAR)
  with pytest.raises(ValueError, match='0 rows'):
    kernel_ridge.fit(features[:0], places[:0], LINEAR)
  model = kernel_ridge.fit(features, places, LINEAR)
  with pytest.raises(ValueError, match=r'\[5, 2\].* rows of 3 numbers'):
    kernel_ridge.chances(model, features[:, :2])
