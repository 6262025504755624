"""Insides by hand, against distances, and against their own outlines."""

import numpy as np
from pinpoint_jax.geo import coords, distance, regions
import pytest
import shapely

PI_R = np.pi * distance.EARTH_RADIUS_KM


def _places(n: int, seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  return np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
                   rng.uniform(-180, 180, n)], axis=1)


def _in_shape(region: regions.Region, places: np.ndarray) -> np.ndarray:
  return shapely.intersects_xy(region.shape(), places[:, 1], places[:, 0])


def _check_map(region: regions.Region) -> None:
  shape = region.shape()
  assert shape.is_valid
  for part in shapely.get_parts(shape):
    west, south, east, north = part.bounds
    assert -180 <= west < east <= 180 and -90 <= south < north <= 90


def _ring(*corners) -> np.ndarray:
  return np.array(corners, np.float64)


FIJI = regions.Box(-20., 177., -15., -178.)
ANTARCTICA = regions.Polygon((_ring(
    *[(-70. + 5 * (lng % 20 == 0), lng) for lng in range(-170, 180, 10)]),))
CHUKOTKA = regions.Polygon((
    _ring((60., 170.), (60., -170.), (70., -170.), (70., 170.)),
    _ring((64., 178.), (64., -178.), (66., -178.), (66., 178.))))
REGIONS = {
    'box': regions.Box(10, 20, 30, 50), 'fiji': FIJI,
    'world': regions.Box(-90, -180, 90, 180),
    'antarctica': ANTARCTICA, 'chukotka': CHUKOTKA,
    'not fiji': regions.Complement(FIJI),
    'not antarctica': regions.Complement(ANTARCTICA),
    'triangle': regions.Polygon((_ring((0., 0.), (0., 40.), (30., 20.)),)),
}
CIRCLES = [
    ((10., 20.), 500.), ((0., 179.), 900.), ((85., 30.), 1500.),
    ((-88., -170.), 400.), ((90., 0.), 3000.), ((60., 0.), 15000.),
    ((20., 100.), 18000.), ((0., 0.), 19000.), ((-45., 10.), 4000.),
    ((45., 0.), PI_R / 4), ((0., 0.), PI_R / 2), ((30., 40.), 1.1 * PI_R),
    ((80., 10.), PI_R / 18 - 20), ((80., 10.), PI_R / 18 + 20)]


@pytest.mark.parametrize('name', REGIONS)
def test_contains_is_the_shape(name):
  places = _places(4000)
  np.testing.assert_array_equal(
      REGIONS[name].contains(places), _in_shape(REGIONS[name], places))
  _check_map(REGIONS[name])


@pytest.mark.parametrize('center, radius_km', CIRCLES)
def test_circle_is_its_shape_off_the_edge(center, radius_km):
  circle, places = regions.Circle(center, radius_km), _places(20000, 1)
  dist_km = distance.haversine_km(places, np.array(center))
  clear = np.abs(dist_km - radius_km) > 0.002 * radius_km + 2
  np.testing.assert_array_equal(
      circle.contains(places)[clear], _in_shape(circle, places)[clear])
  np.testing.assert_array_equal(
      circle.contains(places), dist_km <= radius_km)
  _check_map(circle)


def test_circle_over_the_pole_reaches_every_longitude():
  shape = regions.Circle((85., 30.), 1500.).shape()
  assert shape.bounds[0] == -180 and shape.bounds[2:] == (180, 90)
  assert shape.geom_type == 'Polygon'


def test_box_by_hand():
  places = np.array([[-17., 178.], [-17., -179.], [-17., 180.], [-17., -180.],
                     [-15., 177.], [-17., 0.], [-21., 179.]])
  np.testing.assert_array_equal(
      FIJI.contains(places), [True] * 5 + [False] * 2)
  touching = regions.Box(0, 170, 10, 180)
  np.testing.assert_array_equal(touching.contains(
      np.array([[5., -180.], [5., 180.], [5., -179.9]])), [True, True, False])


def test_box_at_the_pole_holds_it_under_every_longitude():
  arctic = regions.Box(80, 0, 90, 10)
  np.testing.assert_array_equal(
      arctic.contains(np.array([[90., -120.], [89., -120.]])), [True, False])


def test_box_is_split_at_the_antimeridian():
  assert len(shapely.get_parts(FIJI.shape())) == 2
  assert len(shapely.get_parts(regions.Box(0, 180, 1, -170).shape())) == 1
  plain = regions.Box(10, 20, 30, 50).shape()
  assert sorted(plain.exterior.coords[:4]) == [
      (20, 10), (20, 30), (50, 10), (50, 30)]


def test_polygon_by_hand():
  places = np.array([[62., 180.], [62., -180.], [65., 179.], [65., 175.],
                     [65., 0.], [60., 175.]])
  np.testing.assert_array_equal(
      CHUKOTKA.contains(places), [True, True, False, True, False, True])
  poles = np.array([[-90., 12.], [90., 12.], [-80., 179.9], [-60., 0.]])
  np.testing.assert_array_equal(
      ANTARCTICA.contains(poles), [True, False, True, False])


def test_polygon_turned_or_reversed_is_the_same():
  places = _places(2000, 2)
  for polygon in (ANTARCTICA, REGIONS['triangle']):
    ring = polygon.rings[0]
    for other in (ring[::-1].copy(), np.roll(ring, 2, axis=0),
                  np.concatenate([ring, ring[:1]])):
      np.testing.assert_array_equal(
          regions.Polygon((other,)).contains(places), polygon.contains(places))


def test_polar_ring_may_wander_back_and_follow_the_map_edge():
  wandering = regions.Polygon((_ring(
      (60., 10.), (65., -5.), (70., 20.), (60., 120.), (60., -120.)),))
  np.testing.assert_array_equal(wandering.contains(
      np.array([[89., 0.], [80., 15.], [0., 0.]])), [True, True, False])
  edged = regions.Polygon((_ring(
      (-90., -180.), (-70., -180.), (-70., -60.), (-70., 60.), (-70., 180.),
      (-90., 180.)),))
  assert edged.shape().equals(shapely.box(-180, -90, 180, -70))


def test_complement_is_everything_else():
  places = _places(500)
  for region in (*REGIONS.values(), regions.Circle((89., 0.), 900.)):
    other = regions.Complement(region)
    np.testing.assert_array_equal(
        other.contains(places), ~region.contains(places))
    areas = region.shape().area + other.shape().area
    assert areas == pytest.approx(360 * 180)
  assert regions.Complement(REGIONS['world']).shape().is_empty


@pytest.mark.parametrize('make, message', [
    (lambda: regions.Box(10, 0, 5, 1), 'south < north'),
    (lambda: regions.Box(0, 0, 91, 1), 'south < north'),
    (lambda: regions.Box(0, 0, 1, 181), 'west and east'),
    (lambda: regions.Box(0, 5, 1, 5), 'no width'),
    (lambda: regions.Box(float('nan'), 0, 1, 5), 'south < north'),
    (lambda: regions.Circle((0., 0.), 0.), 'radius_km is 0'),
    (lambda: regions.Circle((0., 0.), float('inf')), 'radius_km is inf'),
    (lambda: regions.Circle((100., 0.), 5.), 'circle center.*latitude'),
    (lambda: regions.Polygon(()), 'no rings'),
    (lambda: regions.Polygon((_ring((0, 0), (1, 1), (0, 0)),)), 'has 2'),
    (lambda: regions.Polygon((_ring((0, 0), (1, 1), (2, 2)),)), 'no simple'),
    (lambda: regions.Polygon((_ring((0, 0), (9, 9), (0, 9), (9, 0)),)),
     'ring 0.*Self-intersection'),
    (lambda: regions.Polygon((_ring((0, 0), (0, 180), (5, 90)),)),
     'exactly 180'),
    (lambda: regions.Polygon((_ring((0, 0), (0, 120), (0, -120)),)),
     'equator'),
    (lambda: regions.Polygon((_ring((0, 0), (95, 0), (5, 90)),)),
     'ring 0.*latitude')])
def test_errors_say_what_and_where(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def test_places_are_checked():
  for region in (FIJI, ANTARCTICA, regions.Circle((0., 0.), 5.)):
    with pytest.raises(coords.BadCoordinates):
      region.contains(np.array([[np.nan, 0.]]))
