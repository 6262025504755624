"""Anchors: all places while they are few, cells of a grid beyond."""

import numpy as np
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.ridge import ridge
import pytest


def test_few_places_stand_for_themselves():
  places = np.array([[10., 20.], [-5., 3.], [10., 20.]])
  anchors = ridge.anchors(places, 2)
  assert len(anchors) == 2
  np.testing.assert_array_equal(anchors.latlng_deg[anchors.of_row], places)


def test_pairs_share_a_cell_at_their_middle():
  east = np.array([[5., 10.], [5., 10.01], [-60., 100.], [-60., 100.01]])
  anchors = ridge.anchors(east, 2)
  assert anchors.of_row[0] == anchors.of_row[1] != anchors.of_row[2]
  np.testing.assert_allclose(anchors.latlng_deg[anchors.of_row[::2]],
                             [[5., 10.005], [-60., 100.005]], atol=1e-5)


def test_anchors_are_near_their_rows_in_any_order():
  rng = np.random.default_rng(0)
  places = coords.to_latlng_deg(rng.normal(size=(5000, 3)))
  anchors = ridge.anchors(places, 1000)
  assert 300 < len(anchors) <= 1000
  assert sorted(set(anchors.of_row)) == list(range(len(anchors)))
  dist_km = distance.haversine_km(anchors.latlng_deg[anchors.of_row], places)
  assert dist_km.max() < 1000
  order = rng.permutation(5000)
  shuffled = ridge.anchors(places[order], 1000)
  np.testing.assert_array_equal(shuffled.of_row, anchors.of_row[order])
  np.testing.assert_allclose(shuffled.latlng_deg, anchors.latlng_deg)


def test_poles_and_antimeridian_are_nothing_special():
  places = np.array([[0., 179.999], [0., -179.999], [90., 0.], [89.999, 120.]])
  anchors = ridge.anchors(places, 2)
  dist_km = distance.haversine_km(anchors.latlng_deg[anchors.of_row], places)
  assert len(anchors) == 2 and dist_km.max() < 1


def test_one_anchor_at_least():
  assert len(ridge.anchors(np.array([[0., 0.], [1., 1.]]), 1)) == 1
  with pytest.raises(ValueError, match='0 anchors'):
    ridge.anchors(np.array([[0., 0.]]), 0)
