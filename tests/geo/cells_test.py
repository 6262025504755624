"""Cells: equal weight, each place in one, rows at one place together."""

import numpy as np
from pinpoint_jax.geo import cells
import pytest

RNG = np.random.default_rng(0)
PLACES = np.stack([np.degrees(np.arcsin(RNG.uniform(-1, 1, 4096))),
                   RNG.uniform(-180, 180, 4096)], -1)
ONES = np.ones(4096)


def test_cells_hold_equally_many_places():
  counts = np.bincount(cells.find(cells.split(PLACES, ONES, 64), PLACES),
                       minlength=64)
  assert counts.tolist() == [64] * 64


def test_cells_hold_equal_weight_of_an_unequal_pair():
  weights = np.where(np.arange(4096) < 512, 1 / 512, 1 / 3584)
  cell = cells.find(cells.split(PLACES, weights, 16), PLACES)
  share = np.bincount(cell, weights) / weights.sum()
  np.testing.assert_allclose(share, 1 / 16, rtol=.05)
  # Equal counts would be far from equal weight.
  assert np.bincount(cell).std() > 10


def test_a_line_of_places_is_cut_in_the_middle():
  places = np.array([[0., 0.], [0., 10.], [0., 20.], [0., 30.]])
  parted = cells.split(places, np.ones(4), 2)
  assert cells.find(parted, places).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])


def test_rows_at_one_place_share_a_cell_and_leave_others_empty():
  places = np.repeat([[48., 2.], [-33., 151.], [40., -74.]], [90, 5, 5], axis=0)
  cell = cells.find(cells.split(places, np.ones(100), 16), places)
  assert len(np.unique(cell)) == 3
  assert all(len(np.unique(part)) == 1 for part in np.split(cell, [90, 95]))


def test_every_place_on_earth_has_a_cell_and_names_of_one_place_the_same():
  parted = cells.split(PLACES[:40], np.ones(40), 128)
  cell = cells.find(parted, PLACES.reshape(64, 64, 2))
  assert cell.shape == (64, 64) and cell.dtype == np.int32
  assert 0 <= cell.min() <= cell.max() < 128
  same = np.array([[10., 180.], [10., -180.], [90., 5.], [90., 77.]])
  first, second, third, fourth = cells.find(parted, same)
  assert first == second and third == fourth


def test_no_place_is_no_cell_and_no_rows_split_nothing():
  parted = cells.split(np.zeros((0, 2)), np.zeros(0), 8)
  assert cells.find(parted, np.zeros((0, 2))).shape == (0,)
  assert len(parted) == 8


@pytest.mark.parametrize('num', [0, 1, 3, 1000, -8])
def test_cells_that_are_no_power_of_two_are_refused(num):
  with pytest.raises(ValueError, match=f'cells={num}: must be a power of two'):
    cells.split(PLACES, ONES, num)
