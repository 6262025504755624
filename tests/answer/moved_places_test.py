"""Moved places are other rows' places, about as far as they should be."""

import math

import numpy as np
from pinpoint_jax.answer import moved_places
from pinpoint_jax.geo import distance

KM_DEG = 180 / math.pi / distance.EARTH_RADIUS_KM


def along_the_equator(*km):
  return np.asarray([[0., some * KM_DEG] for some in km])


def test_a_row_at_about_that_distance():
  places = along_the_equator(0, 30, 195, 230, 260, 900)
  truth = np.zeros((20, 2))
  names = [f'photo{i}' for i in range(20)]
  moved = moved_places.at_distance(places, truth, names, 200)
  np.testing.assert_allclose(moved, np.tile(places[2], (20, 1)))
  assert np.isnan(moved_places.at_distance(places, truth, names, 500)).all()


def test_where_no_row_is_that_far_the_next_is_taken():
  places = along_the_equator(0, 900)
  moved = moved_places.at_random(places, np.zeros((5, 2)), list('abcde'), 3)
  np.testing.assert_allclose(moved, np.tile(places[1], (5, 3, 1)))


def test_the_same_place_is_no_moved_place():
  places = along_the_equator(0, 3, 20)
  assert np.isnan(moved_places.at_random(
      places, np.zeros((3, 2)), ['a', 'b', 'c'], 2)).all()
  assert np.isnan(moved_places.at_distance(
      places[:0], np.zeros((1, 2)), ['a'], 200)).all()


def test_distances_are_spread_by_their_logarithm():
  places = along_the_equator(*np.geomspace(30, 8000, 4000))
  moved = moved_places.at_random(
      places, np.zeros((400, 2)), [f'photo{i}' for i in range(400)], 2)
  km = distance.haversine_km(moved, np.zeros(2)).ravel()
  assert 45 <= km.min() and km.max() <= 5600
  shares = np.histogram(km, [45, 158, 500, 1581, 5600])[0] / km.size
  np.testing.assert_allclose(shares, .25, atol=.06)


def test_a_photo_s_own_name_decides():
  places = along_the_equator(*np.geomspace(30, 8000, 4000))
  truth = np.zeros((3, 2))
  moved = moved_places.at_random(places, truth, ['a', 'b', 'c'], 2)
  again = moved_places.at_random(places, truth[:2], ['c', 'a'], 2)
  np.testing.assert_array_equal(again, moved[[2, 0]])
