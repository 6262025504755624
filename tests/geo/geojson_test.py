"""GeoJSON read, at the antimeridian and the poles, and broken."""

import json

import numpy as np
from pinpoint_jax.geo import geojson, regions
import pytest
import shapely


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
  read = geojson.read(json.loads(shapely.to_geojson(region.shape())))
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
