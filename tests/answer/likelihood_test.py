"""Densities that hold one in all, fitted by likelihood, above uniform."""

import numpy as np
from pinpoint_jax.answer import density as densities
from pinpoint_jax.answer import likelihood
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.geo import distance, kernels
import pytest

EVERYWHERE = -np.log(kernels.EARTH_KM2)


def sphere(num):
  """Places that are evenly spread over the Earth."""
  i = np.arange(num) + .5
  return np.stack([np.rad2deg(np.arcsin(1 - 2 * i / num)),
                   np.mod(i * 137.50776405, 360.) - 180], axis=1)


def mixture():
  return densities.Density(
      np.asarray([[48., 2.], [48.5, 2.5], [-33., 151.]]),
      np.asarray([400., 400., 700.]), np.asarray([.4, .2, .3]), .1)


def test_a_density_holds_one_in_all_and_as_much_in_a_circle_as_it_says():
  density, places = mixture(), sphere(40_000)
  held = np.exp(density.log_per_km2(places)) * kernels.EARTH_KM2 / len(places)
  assert held.sum() == pytest.approx(1, abs=1e-3)
  inside = distance.haversine_km(places, np.asarray([48., 2.])) <= 600
  assert density.mass_within((48., 2.), 600) == pytest.approx(
      held[inside].sum(), abs=.01)
  assert density((48., 2.)) == pytest.approx(float(np.exp(
      density.log_per_km2(np.asarray([[48., 2.]]))[0])))


def test_areas_are_apart_and_the_likeliest_is_first():
  density = densities.Density(
      np.asarray([[48., 2.], [48.1, 2.1], [-33., 151.], [0., 0.]]),
      np.asarray([3., 3., 3., 3.]), np.asarray([.3, .2, .4, .001]), .099)
  first, second = density.areas()
  assert first.mass == pytest.approx(.5, abs=.001) and (
      first.latlng_deg == (48., 2.))
  assert second.mass == pytest.approx(.4, abs=.001)


def photos(num, seed=0):
  """Half are sure and right to 3 km, half know nothing."""
  rng = np.random.default_rng(seed)
  truth, sure = sphere(num), rng.random(num) < .5
  places = np.where(sure[:, None], truth + .02 * rng.normal(size=truth.shape),
                    sphere(num)[rng.permutation(num)])[:, None]
  near = np.repeat(np.where(sure, .98, .02)[:, None], 5, axis=1)
  signals = signals_lib.Signals(near, np.zeros(num))
  return signals, np.zeros((num, 1)), places, truth


def logs(signals, scores, places, truth, region=None):
  return likelihood.log_kinds(scores, places, truth, region)


def test_shares_follow_what_is_known_of_a_photo():
  signals, *rest = photos(2000)
  fitted = likelihood.fit(signals, logs(signals, *rest), False)
  told = signals_lib.Signals(np.repeat([[.98], [.02]], 5, axis=1), np.zeros(2))
  sure, unsure = np.exp(fitted.log_shares(told))
  np.testing.assert_allclose([sure.sum(), unsure.sum()], 1, atol=1e-9)
  assert sure[likelihood.WIDTHS_KM.index(3.)] > .8
  assert unsure[likelihood.EVERYWHERE] > .9
  assert sure[likelihood.REGION] == unsure[likelihood.REGION] == 0
  assert fitted.is_sound()


def test_it_beats_uniform_where_there_is_something_to_know():
  signals, *rest = photos(2000)
  fitted = likelihood.fit(signals, logs(signals, *rest), False)
  asked, *others = photos(500, 1)
  density = fitted.log_shares(asked) + logs(asked, *others)
  nats = np.logaddexp.reduce(density, axis=1) - EVERYWHERE
  # A sure photo's place is one of about 2π (2 km)² of the Earth's 5e8 km².
  sure = asked.near[:, 0] > .5
  assert nats[sure].mean() == pytest.approx(
      np.log(kernels.EARTH_KM2 / (2 * np.pi * 2.2**2)) - 1, abs=.7)
  assert np.abs(nats[~sure]).max() < .5


def test_one_photo_gets_the_density_that_it_was_fitted_by():
  signals, scores, places, truth = photos(50)
  scores = np.concatenate([scores, np.full((50, 1), -np.inf)], axis=1)
  places = np.concatenate([places, np.zeros((50, 1, 2))], axis=1)
  regions = likelihood.Regions(sphere(8), np.full(8, 2000.))
  region_logs = np.log(np.full((50, 8), 1 / 8))
  at_truth = likelihood.log_kinds(
      scores, places, truth, regions.log_per_km2(region_logs, truth))
  fitted = likelihood.fit(signals, at_truth, True)
  shares = fitted.log_shares(signals)
  whole = np.logaddexp.reduce(shares + at_truth, axis=1)
  for i in (0, 7):
    density = fitted.density(shares[i], scores[i], places[i], regions,
                             region_logs[i])
    assert density.mass.sum() + density.everywhere == pytest.approx(1)
    assert density.log_per_km2(truth[i:i + 1])[0] == pytest.approx(whole[i])


def test_cells_are_as_wide_as_their_rows():
  rng = np.random.default_rng(0)
  places = np.stack([10 + rng.normal(0, .9, 4000),
                     20 + rng.normal(0, .9, 4000)], axis=1)
  found = likelihood.cell_kernels(places, np.zeros(4000, np.int64), 2)
  np.testing.assert_allclose(found.latlng_deg[0], [10, 20], atol=.1)
  # 0.9° are 100 km; a second cell without rows is anywhere.
  assert found.width_km[0] == pytest.approx(100, rel=.05)
  assert found.width_km[1] > 1e5
