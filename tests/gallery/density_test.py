"""Counts against a table of all distances, in crowds and outside."""

import numpy as np
from pinpoint_jax.gallery import density
from pinpoint_jax.geo import coords, distance
import pytest


def _places(center, n: int = 1500) -> np.ndarray:
  rng = np.random.default_rng(0)
  # A crowd of a few km, and others as far as the radius reaches.
  spread = np.repeat([.02, .2], [n - n // 4, n // 4])[:, None]
  places = rng.normal(0, 1, (n, 2)) * spread + center
  places[:, 0] = np.clip(places[:, 0], -90, 90)
  places[:, 1] = (places[:, 1] + 180) % 360 - 180
  return np.concatenate([places, places[:200]])  # And shared places.


@pytest.mark.parametrize('center', [[48., 2.], [0., 180.], [90., 0.]])
def test_counts_are_brute_force(center):
  places = _places(center)
  sources = np.random.default_rng(1).integers(0, 2, len(places))
  actual = density.count(places, sources.astype(np.uint8))
  assert actual.shape == (len(places), 2, 2) and actual.dtype == np.int32
  table = distance.haversine_km(places[:, None], places[None])
  for r, radius in enumerate(density.RADII_KM):
    for source in (0, 1):
      want = np.sum((table <= radius)[:, sources == source], axis=1)
      np.testing.assert_array_equal(actual[:, r, source], want)


def test_the_crowd_counts_as_the_tree_does():
  rng = np.random.default_rng(2)
  places = np.concatenate(
      [rng.normal(0, .08, (m, 2)) + [i, 170 + 20 * i] for i, m in
       enumerate([9000, 2000, 300, 20])])
  places[:, 1] = (places[:, 1] + 180) % 360 - 180
  xyz = coords.to_xyz(places)
  sources = rng.integers(0, 2, len(xyz)).astype(np.uint8)
  sizes = np.diff(density._cells(xyz, sources).starts)
  assert sizes.max() >= density._CROWDED > sizes.min()
  np.testing.assert_array_equal(
      density._count_crowded(xyz, sources, 25.),
      density.count_at(xyz, sources, np.arange(len(xyz)), 25.))


def test_a_row_counts_itself_and_far_ones_do_not():
  actual = density.count(np.array([[0., 0.], [0., .1], [50., 0.]]),
                         np.array([0, 1, 1], np.uint8))
  assert actual.tolist() == [[[1, 0], [1, 1]], [[0, 1], [1, 1]],
                             [[0, 1], [0, 1]]]


def test_no_rows_no_counts():
  assert density.count(np.zeros((0, 2)), np.zeros(0, np.uint8)).shape == (
      0, 2, 2)
