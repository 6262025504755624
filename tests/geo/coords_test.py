"""Degrees to vectors and back, means, and what is refused as a place."""

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords
import pytest


def _random_places(n: int, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
                   rng.uniform(-180, 180, n)], axis=1)


def test_axes():
  places = np.array([[0., 0.], [0., 90.], [90., 0.], [0., 180.], [-90., 7.]])
  want = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, 0, -1]]
  np.testing.assert_allclose(coords.to_xyz(places), want, atol=1e-15)


def test_names_of_one_place_give_one_vector():
  poles = np.array([[90., lng] for lng in (-180., -3., 0., 77., 180.)])
  assert len(np.unique(coords.to_xyz(poles), axis=0)) == 1
  seam = np.array([[12.5, 180.], [12.5, -180.], [12.5, 540.]])
  assert len(np.unique(coords.to_xyz(seam), axis=0)) == 1


def test_round_trip_keeps_places_and_leading_axes():
  places = _random_places(600).reshape(3, 200, 2)
  back = coords.to_latlng_deg(3. * coords.to_xyz(places))
  np.testing.assert_allclose(back, places, atol=1e-12)
  on_device = coords.to_latlng_deg_jnp(jnp.asarray(coords.to_xyz(places)))
  assert on_device.dtype == jnp.float32
  # asin-like loss of float32 near the poles is avoided by atan2.
  gap = coords.wrap_lng_deg(np.asarray(on_device - places, np.float64))
  assert np.abs(gap * np.cos(np.deg2rad(places[..., :1]))).max() < 1e-4


def test_back_from_the_antimeridian_is_minus_180():
  xyz = np.array([[-1., 0., 0.]])
  np.testing.assert_array_equal(coords.to_latlng_deg(xyz), [[0., -180.]])
  np.testing.assert_array_equal(
      coords.to_latlng_deg_jnp(jnp.asarray(xyz)), [[0., -180.]])


def test_zero_vector_has_no_direction():
  with pytest.raises(ValueError, match='zero or NaN'):
    coords.to_latlng_deg(np.zeros((2, 3)))


@pytest.mark.parametrize('lng, want', [
    (0., 0.), (180., -180.), (-180., -180.), (181., -179.), (-181., 179.),
    (540., -180.), (360., 0.), (179.999, 179.999)])
def test_wrap(lng, want):
  assert coords.wrap_lng_deg(np.array([lng]))[0] == want


def test_wrap_stays_in_range_next_to_its_ends():
  ends = np.array([-180., 180., 540., -540.])
  lng = np.concatenate([np.nextafter(ends, -1e9), np.nextafter(ends, 1e9)])
  wrapped = coords.wrap_lng_deg(lng)
  assert np.all((wrapped >= -180) & (wrapped < 180))


def test_mean_by_hand():
  two = np.array([[0., 170.], [0., -170.]])
  mean = coords.spherical_mean(two)
  np.testing.assert_allclose(mean, [0., -180.], atol=1e-12)
  around = np.array([[80., 0.], [80., 120.], [80., -120.]])
  assert coords.spherical_mean(around)[0] == pytest.approx(90.)
  # tan(lng) = 1 / 3 for weights 3 : 1 on a right angle.
  right = np.array([[0., 0.], [0., 90.]])
  mean = coords.spherical_mean(right, np.array([3., 1.]))
  assert mean[1] == pytest.approx(np.rad2deg(np.arctan(1 / 3)))


@pytest.mark.parametrize('places, weights', [
    ([[90., 0.], [-90., 0.]], None),
    ([[10., 20.], [-10., -160.]], None),
    ([[10., 20.]], [0.]),
    (np.zeros((0, 2)), None)])
def test_vanishing_mean_is_refused(places, weights):
  weights = None if weights is None else np.asarray(weights)
  with pytest.raises(ValueError, match='vanishes'):
    coords.spherical_mean(np.asarray(places), weights)


def test_negative_weights_are_refused():
  with pytest.raises(ValueError, match='weights'):
    coords.spherical_mean(np.ones((2, 2)), np.array([1., -1.]))


def test_check_accepts_the_edges_of_the_map():
  coords.check_latlng_deg(
      np.array([[90., 180.], [-90., -180.], [0., 1e-9]]), 'gallery')
  coords.check_latlng_deg(np.zeros((0, 2)), 'gallery')
  coords.check_latlng_deg(np.zeros((1, 2)), 'gallery', allow_null_island=True)


@pytest.mark.parametrize('row, message', [
    ([np.nan, 1.], 'not finite'), ([1., np.inf], 'not finite'),
    ([-90.01, 1.], 'latitude outside'), ([1., 180.01], 'longitude outside'),
    ([0., 0.], 'null island'), ([-0., 0.], 'null island')])
def test_check_names_table_reason_and_row(row, message):
  table = np.array([[1., 2.], row, [3., 4.]])
  with pytest.raises(coords.BadCoordinates, match=message) as error:
    coords.check_latlng_deg(table, 'gallery.csv')
  assert 'gallery.csv: 1 of 3 rows' in str(error.value)
  assert 'rows 1 ' in str(error.value)


def test_check_counts_all_and_names_a_few():
  with pytest.raises(coords.BadCoordinates) as error:
    coords.check_latlng_deg(np.full((100, 2), np.nan), 'x')
  assert '100 of 100 rows not finite: rows 0, 1, 2, 3, 4, …' in str(error.value)


def test_check_suspects_swapped_columns_only_when_that_heals_all():
  swapped = np.array([[139.7, 35.7], [2.3, 48.9]])
  with pytest.raises(coords.BadCoordinates, match='columns swapped'):
    coords.check_latlng_deg(swapped, 'x')
  with pytest.raises(coords.BadCoordinates) as error:
    coords.check_latlng_deg(np.array([[139.7, 35.7], [2.3, 148.9]]), 'x')
  assert 'swapped' not in str(error.value)


def test_check_refuses_other_shapes():
  with pytest.raises(coords.BadCoordinates, match=r'shape \(3,\)'):
    coords.check_latlng_deg(np.ones(3), 'x')
