"""The router's fit against closed forms and its invariances."""

import numpy as np
from pinpoint_jax.models import router as routers
from pinpoint_jax.train import router as training
import pytest

MADE = {'backbone': 'tiny', 'weight_hash': 'a', 'preprocess': 'p', 'dim': 4}


def clouds(gap, photos=4000, streets=4000, seed=0, dim=4):
  """Two round clouds whose centres are `gap` deviations apart."""
  rng = np.random.default_rng(seed)
  centre = np.zeros(dim)
  centre[0] = gap / 2
  return (rng.normal(size=(photos, dim)) - centre,
          rng.normal(size=(streets, dim)) + centre)


def fit(photo, street, l2=1e-6):
  return training.fit(photo, street, MADE, l2)


def test_what_a_plane_parts_is_told_apart():
  # 20 deviations lie between the clouds.
  router = fit(*clouds(20, 300, 300))
  result = training.judge(router, *clouds(20, seed=1))
  assert result.accuracy == 1. and result.loss < 1e-3
  assert result.by_source == {'photo': 1., 'street': 1.}


def test_overlapping_clouds_give_their_true_probabilities():
  # log P(street | x) / P(photo | x) = gap · x₀, by hand.
  photo, street = clouds(2., 40_000, 40_000)
  router = fit(photo, street)
  asked, _ = clouds(0., 1000, seed=2)
  np.testing.assert_allclose(router.logits(asked), 2. * asked[:, 0], atol=.2)
  result = training.judge(router, *clouds(2., seed=3))
  assert result.accuracy == pytest.approx(.8413, abs=.01)  # Φ(1)
  assert result.calibration_error < .015


def test_what_is_alike_is_even_odds():
  photo, street = clouds(0., 3000, 3000)
  router = fit(photo, street, l2=1e-3)
  chance = routers.probabilities(router.logits(clouds(0., seed=5)[0]))
  assert np.abs(chance - .5).max() < .2
  result = training.judge(router, *clouds(0., seed=5))
  assert result.accuracy == pytest.approx(.5, abs=.03)
  assert result.loss == pytest.approx(np.log(2), abs=.005)


def test_swapping_the_sources_turns_the_signs():
  photo, street = clouds(1., 500, 700)
  one, other = fit(photo, street), fit(street, photo)
  np.testing.assert_allclose(one.weights, -other.weights, atol=1e-7)
  assert one.bias == pytest.approx(-other.bias, abs=1e-7)


def test_more_rows_of_a_source_do_not_make_it_likelier():
  photo, street = clouds(1., 400, 400)
  many = np.concatenate([photo] * 9)
  one, other = fit(photo, street), fit(many, street)
  np.testing.assert_allclose(one.weights, other.weights, atol=1e-7)
  assert one.bias == pytest.approx(other.bias, abs=1e-7)


def test_scale_and_shift_of_columns_do_not_matter():
  photo, street = clouds(1., 400, 400)
  scale, shift = np.asarray([1e-3, 1., 1e3, 7.]), np.asarray([5., 0., -9., 2.])
  one, other = fit(photo, street), fit(photo * scale + shift,
                                       street * scale + shift)
  np.testing.assert_allclose(other.logits(photo * scale + shift),
                             one.logits(photo), atol=1e-5)


def test_a_constant_column_is_left_alone():
  photo, street = clouds(1., 300, 300)
  photo[:, 3] = street[:, 3] = 7.
  assert fit(photo, street).weights[3] == pytest.approx(0., abs=1e-9)


def test_the_gradient_is_that_of_the_cost():
  photo, street = clouds(1., 30, 50)
  rows = training._rows(photo, street, np.zeros(4), np.ones(4))
  beta, step = np.asarray([.3, -.2, .1, .5, -.4]), 1e-6
  gradient = training._gradient(beta, rows, .1)
  hessian = training._hessian(beta, rows, .1)
  for i, one in enumerate(np.eye(5) * step):
    up, down = beta + one, beta - one
    assert gradient[i] == pytest.approx(
        (training._cost(up, rows, .1) - training._cost(down, rows, .1))
        / (2 * step), abs=1e-8)
    np.testing.assert_allclose(
        hessian[i], (training._gradient(up, rows, .1)
                     - training._gradient(down, rows, .1)) / (2 * step),
        atol=1e-8)


def test_bad_rows_are_refused():
  photo, street = clouds(1., 30, 30)
  for l2 in (0., -1., np.nan):
    with pytest.raises(ValueError, match='l2=.*above 0'):
      fit(photo, street, l2)
  with pytest.raises(ValueError, match='0 photos and 30 street'):
    fit(photo[:0], street)
  street[4, 1] = np.nan
  with pytest.raises(ValueError, match='1 of 30 street .* row 4'):
    fit(photo, street)
  with pytest.raises(ValueError, match='figures need both'):
    training.judge(fit(*clouds(1., 9, 9)), photo, street[:0])
