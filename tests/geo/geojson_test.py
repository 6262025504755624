"""GeoJSON read, at the antimeridian and the poles, and broken."""

import json

import numpy as np
from pinpoint_jax.geo import geojson, regions
import pytest
import shapely

from tests.fixtures import rfc7946


def _places(n: int = 4000) -> np.ndarray:
  rng = np.random.default_rng(0)
  return np.stack([np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))),
                   rng.uniform(-180, 180, n)], axis=1)


def _box(west, south, east, north) -> list:
  return [[west, south], [east, south], [east, north], [west, north],
          [west, south]]


def _polygon(*rings) -> dict:
  return {'type': 'Polygon', 'coordinates': list(rings)}


@pytest.mark.parametrize('region', [
    regions.Box(10, 20, 30, 50), regions.Box(-20., 177., -15., -178.),
    regions.Circle((85., 30.), 1500.), regions.Circle((0., 179.), 900.),
    regions.Circle((-88., -170.), 400.),
    regions.Complement(regions.Box(-20., 100., 60., -100.))])
def test_the_outline_of_a_region_is_read_back(region):
  written = geojson.geometry(region)
  rfc7946.check_geometry(written)
  read = geojson.read(json.loads(json.dumps(written)))
  places = _places()
  differ = read.contains(places) != region.contains(places)
  # A circle is written as an inscribed polygon.
  assert differ.mean() < (.001 if isinstance(region, regions.Circle) else 1e-9)


def test_wrappers_are_opened():
  square, other = _polygon(_box(0, 0, 10, 10)), _polygon(_box(20, 0, 30, 10))
  feature = {'type': 'Feature', 'properties': {}, 'geometry': square}
  both = [{'type': 'FeatureCollection', 'features': [
      feature, {**feature, 'geometry': other}]},
          {'type': 'GeometryCollection', 'geometries': [square, other]},
          {'type': 'MultiPolygon', 'coordinates': [
              square['coordinates'], other['coordinates']]}]
  places = np.array([[5., 5.], [5., 15.], [5., 25.]])
  assert geojson.read(feature).contains(places).tolist() == [True, False, False]
  for document in both:
    assert geojson.read(document).contains(places).tolist() == [
        True, False, True]


def test_holes_and_heights():
  ring = [[*corner, 12.5] for corner in _box(0, 0, 10, 10)]
  region = geojson.read(_polygon(ring, _box(4, 4, 6, 6)))
  assert region.contains(np.array([[5., 5.], [1., 1.]])).tolist() == [
      False, True]


def test_longitudes_beyond_the_rim_go_on_around():
  region = geojson.read(_polygon(_box(177, -20, 182, -15)))
  places = np.array([[-18., 179.], [-18., -179.], [-18., -177.]])
  assert region.contains(places).tolist() == [True, True, False]


def test_the_whole_map_and_a_polar_cap_have_edges_along_the_rim():
  places = _places()
  world = geojson.read(_polygon(_box(-180, -90, 180, 90)))
  assert world.contains(places).all()
  cap = geojson.read(_polygon(_box(-180, -90, 180, -60)))
  np.testing.assert_array_equal(cap.contains(places), places[:, 0] <= -60)


@pytest.mark.parametrize('document, message', [
    ([], 'type is None'),
    ({'type': 'Point', 'coordinates': [1, 2]}, "type is 'Point'"),
    ({'type': 'FeatureCollection', 'features': []}, 'holds no polygon'),
    ({'type': 'MultiPolygon'}, 'needs a list of coordinates'),
    (_polygon(), 'list of rings'),
    (_polygon([[0, 0], [1, 1]]), 'at least 4 corners'),
    (_polygon(_box(0, 0, 9, 9)[:-1]), 'not closed'),
    (_polygon([['a', 0], [1, 1], [1, 2], ['a', 0]]), 'must be'),
    (_polygon(_box(0, 0, 9, 91)), 'latitude outside'),
    (_polygon(_box(0, 0, float('nan'), 9)), 'not finite'),
    (_polygon(_box(177, -20, -178, -15)), 'cut the shape at the antimeridian'),
    (_polygon(_box(0, 0, 0, 9)), 'no simple ring'),
    (_polygon([[0, 0], [9, 9], [9, 0], [0, 9], [0, 0]]), 'must not cross'),
])
def test_what_is_no_area_is_refused(document, message):
  with pytest.raises(ValueError, match=message):
    geojson.read(document)


def test_files_that_cannot_be_read_are_named(tmp_path):
  with pytest.raises(ValueError, match='cannot be read'):
    geojson.load(tmp_path / 'none')
  (tmp_path / 'html').write_text('<html>')
  with pytest.raises(ValueError, match='no JSON'):
    geojson.load(tmp_path / 'html')


EDGES = [((48.8566, 2.3522), 12.), ((-16.5, 179.95), 40.), ((0., -180.), 900.),
         ((0., 180.), 900.), ((89.9, 10.), 50.), ((-89.9, -170.), 50.),
         ((90., 0.), 300.), ((-90., 0.), .5), ((80., 0.), 1111.95),
         ((0., 0.), 10007.), ((20., 30.), 10500.), ((10., -100.), 14000.),
         ((-40., 175.), 19000.), ((0., 179.9999999), .02)]


@pytest.mark.parametrize('center, radius_km', EDGES)
def test_a_circle_is_written_by_the_rules_and_where_it_is(center, radius_km):
  circle = regions.Circle(center, radius_km)
  written = json.loads(json.dumps(geojson.geometry(circle)))
  rfc7946.check_geometry(written)
  _holds_what_the_circle_holds(written, circle)


def test_random_circles_are_written_by_the_rules():
  rng = np.random.default_rng(1)
  for _ in range(300):
    lat = float(np.clip(rng.normal(0, 60), -90, 90))
    lng = float(np.clip(rng.normal(0, 150), -180, 180))
    circle = regions.Circle((lat, lng), float(10 ** rng.uniform(-2, 4.3)))
    written = geojson.geometry(circle)
    rfc7946.check_geometry(written)
    _holds_what_the_circle_holds(written, circle)


def _holds_what_the_circle_holds(written: dict, circle: regions.Circle):
  """Places 1 % within the rim are inside, 1 % beyond it outside."""
  whole = shapely.from_geojson(json.dumps(written))
  bearings = np.linspace(0, 2 * np.pi, 50)
  for share in (.01, .5, .99, 1.01):
    reached_km = share * circle.radius_km
    if reached_km > 20_000:
      continue
    places = _around(circle.center, reached_km, bearings)
    inside = shapely.intersects_xy(whole, places[:, 1], places[:, 0])
    assert inside.all() if share < 1 else not inside.any(), (circle, share)


def _around(center, dist_km, bearings) -> np.ndarray:
  """Places so far away, by the textbook's formula of spherical trigonometry."""
  lat, lng = np.deg2rad(center)
  angle = dist_km / 6371.0088
  sin_lat = (np.sin(lat) * np.cos(angle)
             + np.cos(lat) * np.sin(angle) * np.cos(bearings))
  turn = np.arctan2(np.sin(bearings) * np.sin(angle) * np.cos(lat),
                    np.cos(angle) - np.sin(lat) * sin_lat)
  lng_deg = (np.rad2deg(lng + turn) + 180) % 360 - 180
  return np.stack([np.rad2deg(np.arcsin(np.clip(sin_lat, -1, 1))), lng_deg], 1)


def test_a_circle_across_the_antimeridian_is_cut_there():
  written = geojson.geometry(regions.Circle((0., 179.), 500.))
  assert written['type'] == 'MultiPolygon'
  spans = sorted((min(p[0] for p in rings[0]), max(p[0] for p in rings[0]))
                 for rings in written['coordinates'])
  # 500 km are 4.4966 degrees of the equator; the inscribed polygon has a
  # corner every two degrees of bearing, east and west among them.
  np.testing.assert_allclose(
      spans, [(-180, -176.5034), (174.5034, 180)], atol=1e-4)


def test_a_circle_around_the_pole_goes_up_to_it():
  ring, = geojson.geometry(regions.Circle((90., 0.), 1111.95))['coordinates']
  lats = {round(lat, 3) for _, lat in ring}
  assert {lng for lng, lat in ring if lat == 90} >= {-180., 180.}
  # 1111.95 km are ten degrees.
  assert lats - {90.} == {80.}


def test_a_hole_runs_clockwise_and_an_empty_shape_has_no_parts():
  ring = _box(0, 0, 10, 10)
  written = geojson.geometry(geojson.read(_polygon(ring, _box(4, 4, 6, 6))))
  rfc7946.check_geometry(written)
  assert len(written['coordinates']) == 2
  assert geojson.geometry(regions.Circle((0., 0.), 1e-7)) == {
      'type': 'MultiPolygon', 'coordinates': []}


def test_the_rules_are_checked():
  """What the checker is for: rings turned round, or across the map, fail."""
  good = geojson.geometry(regions.Circle((0., 179.), 500.))['coordinates'][0]
  for bad in ([good[0][::-1]], [good[0][:-1]],
              [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]],
              [[[lat, lng + 90] for lng, lat in good[0]]]):
    with pytest.raises(AssertionError):
      rfc7946.check_geometry(_polygon(*bad))
