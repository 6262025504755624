"""Kilometres against hand numbers, extended precision and geographiclib."""

import math

from geographiclib.geodesic import Geodesic
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import distance
import pytest

QUARTER = np.pi / 2 * distance.EARTH_RADIUS_KM


def _places(n: int, seed: int) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
                   rng.uniform(-180, 180, n)], axis=1)


def _near(places: np.ndarray, scale_deg: float, seed: int) -> np.ndarray:
  rng = np.random.default_rng(seed)
  moved = places + scale_deg * rng.normal(size=places.shape)
  return np.stack([np.clip(moved[:, 0], -90, 90),
                   (moved[:, 1] + 180) % 360 - 180], axis=1)


def _antipodes(places: np.ndarray) -> np.ndarray:
  lng = places[:, 1] - np.copysign(180., places[:, 1])
  return np.stack([-places[:, 0], lng], axis=1)


def _long_haversine_km(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Chords of vectors in 80-bit floats: another formula, three digits more."""
  pi = np.longdouble('3.14159265358979323846264338327950288')
  def xyz(p):
    lat, lng = np.moveaxis(p.astype(np.longdouble) * pi / 180, -1, 0)
    return np.stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng),
                     np.sin(lat)], axis=-1)
  u, v = xyz(a), xyz(b)
  def length(w):
    return np.sqrt(np.sum(w * w, axis=-1))
  return 2 * np.arctan2(length(u - v), length(u + v)) * np.longdouble(
      distance.EARTH_RADIUS_KM)


@pytest.mark.parametrize('a, b, want', [
    ([0., 0.], [0., 90.], QUARTER),
    ([0., 0.], [90., 33.], QUARTER),
    ([0., 0.], [0., 180.], 2 * QUARTER),
    ([90., 5.], [-90., 60.], 2 * QUARTER),
    ([0., 179.5], [0., -179.5], QUARTER / 90),
    ([80., 0.], [80., 180.], 20 * QUARTER / 90),
    ([60., 0.], [60., 180.], 60 * QUARTER / 90)])
def test_haversine_by_hand(a, b, want):
  got = distance.haversine_km(np.array(a), np.array(b))
  assert got == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize('name', distance.DISTANCES)
def test_names_of_one_place_are_at_distance_zero(name):
  a = np.array([[12., 180.], [90., 10.], [-90., 10.], [4., 5.], [0., 180.]])
  b = np.array([[12., -180.], [90., -70.], [-90., 9.], [4., 5.], [0., -180.]])
  np.testing.assert_array_equal(distance.distance_fn(name)(a, b), 0.)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60,
                    reason='no extended precision on this machine')
@pytest.mark.parametrize('scale_deg', [1e-7, 1e-4, 1e-1, 10.])
@pytest.mark.parametrize('far', [False, True])
def test_haversine_is_within_1e9_of_extended_precision(scale_deg, far):
  a = _places(4000, 1)
  b = _near(a, scale_deg, 2)
  b = _antipodes(b) if far else b
  got, want = distance.haversine_km(a, b), _long_haversine_km(a, b)
  assert np.max(np.abs(got / want - 1)) < 1e-9


def test_haversine_keeps_its_digits_across_the_antimeridian():
  gap = 2.0 ** -30
  a, b = np.array([[0., 180. - gap]]), np.array([[0., -180. + gap]])
  want = np.deg2rad(2 * gap) * distance.EARTH_RADIUS_KM
  assert distance.haversine_km(a, b)[0] == pytest.approx(want, rel=1e-14)


@pytest.mark.parametrize('fn', [distance.haversine_km, distance.geodesic_km])
def test_chunks_and_broadcasting_change_nothing(fn, monkeypatch):
  a, b = _places(7, 3), _places(11, 4)
  whole = fn(a[:, None], b[None])
  assert whole.shape == (7, 11)
  pairs = [[float(fn(p, q)) for q in b] for p in a]
  np.testing.assert_allclose(whole, pairs, rtol=1e-14)
  monkeypatch.setattr(distance, '_CHUNK', 5)
  np.testing.assert_allclose(fn(a[:, None], b[None]), whole, rtol=1e-14)
  assert fn(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)


def _karney_km(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  return np.array([Geodesic.WGS84.Inverse(*p, *q)['s12'] / 1000
                   for p, q in zip(a, b)])


@pytest.mark.parametrize('scale_deg', [1e-9, 1e-7, 1e-4, 1e-1, 10., None])
@pytest.mark.parametrize('far', [False, True])
def test_geodesic_agrees_with_geographiclib(scale_deg, far):
  a = _places(400, 8)
  b = _places(400, 9) if scale_deg is None else _near(a, scale_deg, 10)
  b = _antipodes(b) if far else b
  got, want = distance.geodesic_km(a, b), _karney_km(a, b)
  # 1e-6 relative, or 1e-8 m (1e-11 km) where that is larger.
  assert np.all(np.abs(got - want) <= np.maximum(1e-6 * want, 1e-11))


def test_geodesic_on_equator_meridian_and_beside_poles():
  a = np.array([[0., 0.], [0., 0.], [0., 0.], [0., -179.], [89.9999, 0.],
                [0., 0.], [45., 0.], [0., 0.], [0., 0.]])
  b = np.array([[0., 1.], [0., 179.9], [90., 0.], [0., 179.], [89.9999, 180.],
                [0., 180.], [-45., 179.999], [0.5, 179.7], [0., 177.9]])
  np.testing.assert_allclose(
      distance.geodesic_km(a, b), _karney_km(a, b), rtol=1e-9)


def test_geodesic_by_hand():
  # One degree of the equator; the quarter meridian of WGS84.
  origin = np.zeros(2)
  assert distance.geodesic_km(origin, np.array([0., 1.])) == pytest.approx(
      np.deg2rad(6378.137), rel=1e-12)
  assert distance.geodesic_km(origin, np.array([90., 0.])) == pytest.approx(
      10001.965729, rel=1e-9)


def test_named_radii():
  a, b = np.array([[0., 0.]]), np.array([[0., 180.]])
  for name, radius_km in [('haversine', 6371.0088), ('haversine_6371', 6371.),
                          ('haversine_6378', 6378.137)]:
    got = distance.distance_fn(name)(a, b)
    np.testing.assert_allclose(got, [np.pi * radius_km], rtol=1e-14)


def test_unknown_name_lists_the_choices():
  with pytest.raises(ValueError, match="'manhattan'.*geodesic.*haversine_6371"):
    distance.distance_fn('manhattan')


@pytest.mark.parametrize('km, chord', [
    (0, 0), (math.pi / 3 * distance.EARTH_RADIUS_KM, 1),
    (math.pi / 2 * distance.EARTH_RADIUS_KM, math.sqrt(2)),
    (math.pi * distance.EARTH_RADIUS_KM, 2), (30_000, 2)])
def test_chords_by_hand(km, chord):
  assert distance.km_to_chord(km) == pytest.approx(chord, abs=1e-15)
  if km < 30_000:  # Beyond half a turn, a chord names the shorter way.
    assert distance.chord_to_km(np.array([chord], float)) == pytest.approx(km)
    np.testing.assert_allclose(
        distance.chord_to_km(jnp.float32(chord)), km, rtol=5e-4)


def test_chords_on_the_device_are_right_from_millimetres_to_antipodes():
  chords = np.concatenate([
      np.geomspace(1e-9, 2, 50_000), np.linspace(0, 2, 50_000)])
  chords = chords.astype(np.float32)
  km = np.asarray(distance.chord_to_km(jnp.asarray(chords)), np.float64)
  exact = distance.chord_to_km(chords.astype(np.float64))
  # Three float32 steps, 2.3 m at the antipode.
  np.testing.assert_allclose(km, exact, rtol=4e-7)
