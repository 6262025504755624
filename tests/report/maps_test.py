"""Places lie where they belong, across the antimeridian too."""

import re
from xml.etree import ElementTree as ET

import numpy as np
from pinpoint_jax.geo import distance
from pinpoint_jax.report import maps
import pytest


def rings():
  """Land as rings of longitude and latitude in degrees."""
  for part in re.findall('M[^z]+z', maps._land_path()):
    numbers = np.asarray(re.findall(r'-?\d+', part), float).reshape(-1, 2)
    yield np.cumsum(numbers, axis=0) / [10, -10]


def is_land(lat, lng):
  """Even-odd rule over all rings, each once round the Earth either way."""
  inside = False
  for ring in rings():
    for turn in (-360, 0, 360):
      x, y = ring[:, 0] + turn, ring[:, 1]
      nx, ny = np.roll(x, -1), np.roll(y, -1)
      crosses = (y > lat) != (ny > lat)
      with np.errstate(divide='ignore', invalid='ignore'):
        at = x + (lat - y) / (ny - y) * (nx - x)
      inside ^= bool((crosses & (lng < at)).sum() % 2)
  return inside


@pytest.mark.parametrize('lat, lng, land', [
    (48.9, 2.4, True), (20., 78., True), (-25., 134., True), (65., 179., True),
    (67., -175., True), (-85., 10., True), (0., -30., False),
    (-15., -175., False), (40., -150., False), (-17.8, 178., True),
    (70., 100., True), (75., -170., False)])
def test_land_is_where_land_is(lat, lng, land):
  assert is_land(lat, lng) == land


def test_no_ring_jumps_over_the_map():
  for ring in rings():
    steps = np.abs(np.diff(ring[:, 0]))
    # Antarctica's last step goes round the pole, along it.
    assert (steps[ring[1:, 1] > -90] < 90).all()


def test_no_ring_lies_a_turn_away():
  for ring in rings():
    assert abs((ring[:, 0].min() + ring[:, 0].max()) / 2) <= 181
    assert np.abs(ring[:, 0]).max() <= 180 + maps._OVER


def test_the_middle_of_a_window_is_in_its_middle():
  window = maps.Window(10., 170., 4., .5, (300, 200))
  x, y = window.pixels(np.asarray([[10., 170.], [20., -170.]]))
  assert x.tolist() == [150, 150 + 20 * 4 * .5]  # 20 degrees to the east.
  assert y.tolist() == [100, 60]


def test_a_way_across_180_is_the_short_one():
  window = maps.around(np.asarray([[-16.5, 179.], [-17.5, -179.]]))
  assert abs(window.lng_deg) == pytest.approx(180)
  x, _ = window.pixels(np.asarray([[-16.5, 179.], [-17.5, -179.]]))
  assert 0 < x[1] - x[0] < 40


@pytest.mark.parametrize('a, b', [
    ((48.9, 2.3), (48.9, 2.4)), ((-16.5, 179.6), (-17.8, -178.3)),
    ((71., -170.), (-80., 10.)), ((89.9, 0.), (89.9, 180.)),
    ((0., 0.), (0., 180.)), ((-54.8, -68.3), (64., 140.)),
    ((10., 10.), (10., 10.))])
def test_both_ends_are_inside_the_map(a, b):
  text = maps.route('t', a, b, np.zeros((0, 2)))
  width, height = maps.ROUTE_SIZE
  ends = [node for node in ET.fromstring(text).iter('circle')]
  assert [node.get('class') for node in ends] == ['truth', 'answer']
  for node in ends:
    assert 0 <= float(node.get('cx')) <= width
    assert 0 <= float(node.get('cy')) <= height


def test_a_way_that_leaves_the_map_begins_anew():
  whole = maps.WORLD
  path = maps._way(whole, maps.great_circle((10., 170.), (10., -170.)))
  assert path.count('M') == 2
  assert maps._way(whole, maps.great_circle((0., 0.), (0., 9.))).count(
      'M') == 1


def test_a_great_circle_is_the_shortest_way():
  way = maps.great_circle((60., 10.), (50., -120.))
  steps = distance.haversine_km(way[1:], way[:-1])
  whole = distance.haversine_km(way[0], way[-1])
  np.testing.assert_allclose(steps.sum(), whole, rtol=1e-9)
  np.testing.assert_allclose(steps, whole / len(steps), rtol=1e-6)


def test_dots_of_a_world_map_by_hand():
  text = maps.scatter('t', [(np.asarray([[10., 0.], [10., 90.]]), 'e-0')])
  (dots,) = [node for node in ET.fromstring(text).iter('path')]
  # 2 pixels a degree, the middle at 360, 145.
  assert dots.get('d') == 'M360 145h0M540 145h0'
