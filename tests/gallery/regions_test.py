"""Rows of a region are the rows that asking each of them gives."""

import numpy as np
from pinpoint_jax.features import store
from pinpoint_jax.gallery import regions as region_rows
from pinpoint_jax.gallery.columns import Coded
from pinpoint_jax.geo import geojson, regions
import pytest

NUM = 3000


def _places(seed: int = 0) -> np.ndarray:
  rng = np.random.default_rng(seed)
  lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, NUM)))
  places = np.stack([lat, rng.uniform(-180, 180, NUM)], axis=1)
  # On the corners of cells, on both names of a meridian, at the poles.
  places[::5] = np.clip(np.round(places[::5] / 5) * 5, -180, 180)
  places[1::50, 1], places[2::50, 1] = 180, -180
  places[3::50, 0], places[4::50, 0] = 90, -90
  return places


def coded(names: np.ndarray) -> Coded:
  return Coded(*store.encode_names(names))


PLACES = _places()
COUNTRIES = coded(
    np.random.default_rng(1).choice(['', 'FR', 'DE', 'US'], NUM))
ADMINS = coded(
    np.random.default_rng(2).choice(['', 'US/Texas', 'FR/Bretagne'], NUM))
INDEX = region_rows.RegionIndex(PLACES, COUNTRIES, ADMINS)


def _shapes(seed: int) -> list[regions.Region]:
  rng = np.random.default_rng(seed)
  south, north = np.sort(rng.choice(np.arange(-90., 91, 5), 2, replace=False))
  west, east = rng.choice(np.arange(-180., 180, 5), 2, replace=False)
  center = PLACES[rng.integers(NUM)]
  turns = (np.arange(12) + rng.uniform(0, .9, 12)) * np.pi / 6
  reach = rng.uniform(.3, 1, 12)
  ring = np.stack([
      rng.uniform(-50, 50) + 35 * reach * np.sin(turns),
      rng.uniform(-180, 180) + 60 * reach * np.cos(turns)], axis=1)
  ring[:, 1] = (ring[:, 1] + 180) % 360 - 180
  corners = [[south, 170.], [south, -170.], [north, -170.], [north, 170.]]
  return [regions.Box(south, west, north, east),
          regions.Circle(center, float(10 ** rng.uniform(-2, 4.3))),
          regions.Polygon((ring,)), regions.Polygon((np.array(corners),))]


@pytest.mark.parametrize('seed', range(12))
def test_shapes_hold_what_contains_says(seed):
  for region in _shapes(seed):
    for one in (region, regions.Complement(region)):
      actual = INDEX.rows(one)
      assert actual.dtype == np.int64
      np.testing.assert_array_equal(
          actual, np.flatnonzero(one.contains(PLACES)))


def test_a_circle_ends_at_a_row():
  index = region_rows.RegionIndex(PLACES, COUNTRIES, ADMINS)
  center = np.array([12., 34.])
  for km in np.sort(regions.distance.haversine_km(PLACES, center))[::300]:
    if km > 0:
      circle = regions.Circle(center, float(km))
      np.testing.assert_array_equal(
          index.rows(circle), np.flatnonzero(circle.contains(PLACES)))


def test_a_ring_round_the_pole_holds_what_contains_says():
  cap = regions.Polygon((np.stack(
      [np.tile([60., 65.], 9), np.arange(-180., 180, 20)], axis=1),))
  np.testing.assert_array_equal(
      INDEX.rows(cap), np.flatnonzero(cap.contains(PLACES)))


def test_unions_are_their_parts():
  both = geojson.AnyOf(tuple(_shapes(3)))
  np.testing.assert_array_equal(
      INDEX.rows(both), np.flatnonzero(both.contains(PLACES)))


def test_names_are_a_comparison():
  country = np.asarray(COUNTRIES.names)[COUNTRIES.codes]
  known = COUNTRIES.codes >= 0
  area = region_rows.Countries(('FR', 'DE'))
  want = known & ((country == 'FR') | (country == 'DE'))
  np.testing.assert_array_equal(INDEX.rows(area), np.flatnonzero(want))
  np.testing.assert_array_equal(
      INDEX.rows(region_rows.Not(area)), np.flatnonzero(~want))
  admin = np.flatnonzero(ADMINS.decode(np.arange(NUM)) == 'US/Texas')
  np.testing.assert_array_equal(
      INDEX.rows(region_rows.Admin('US/Texas')), admin)


def test_regions_without_rows_are_empty():
  assert not len(INDEX.rows(region_rows.Countries(('JP',))))
  assert not len(INDEX.rows(region_rows.Admin('JP/Tokyo')))
  assert not len(INDEX.rows(regions.Circle((1.234, 5.678), .001)))


def test_an_empty_gallery_has_empty_regions():
  nobody = coded(np.zeros(0, np.str_))
  index = region_rows.RegionIndex(np.zeros((0, 2)), nobody, nobody)
  for area in (*_shapes(0), region_rows.Countries(('FR',)),
               regions.Complement(_shapes(0)[0])):
    assert not len(index.rows(area))


def test_admin_names_by_hand():
  actual = region_rows.admin_names(
      np.array(['US', 'SG']), np.array(['Texas', '']))
  assert actual.tolist() == ['US/Texas', '']
