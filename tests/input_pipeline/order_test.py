"""The order of rows: a pure function, the same for any number of hosts."""

import subprocess
import sys

from input_pipeline import order as orders
import numpy as np
import pytest


@pytest.mark.parametrize('num_rows', [1, 2, 7, 100])
def test_every_epoch_holds_every_row_once(num_rows):
  order = orders.Order(num_rows, seed=5)
  for epoch in range(4):
    positions = np.arange(epoch * num_rows, (epoch + 1) * num_rows)
    np.testing.assert_array_equal(np.sort(order.rows(positions)),
                                  np.arange(num_rows))


def test_epochs_and_seeds_differ():
  first, second = np.arange(50), np.arange(50, 100)
  order = orders.Order(50, seed=1)
  assert (order.rows(first) != order.rows(second)).any()
  assert (order.rows(first) != orders.Order(50, seed=2).rows(first)).any()
  assert order.digest() != orders.Order(50, seed=2).digest()


def test_any_position_at_any_time_in_any_company():
  order = orders.Order(13, seed=3)
  whole = order.rows(np.arange(1000))
  positions = np.random.default_rng(0).permutation(1000)
  np.testing.assert_array_equal(order.rows(positions), whole[positions])
  for position in (999, 0, 500):
    assert order.rows(np.asarray([position]))[0] == whole[position]


def test_unshuffled_rows_stand_as_they_are():
  order = orders.Order(3, seed=0, shuffle=False)
  assert order.rows(np.arange(7)).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_shuffling_is_fair():
  # Row 0 of 4 lands at each place about 500 of 2000 times: sigma is 19.4.
  rows = orders.Order(4, seed=0).rows(np.arange(8000)).reshape(2000, 4)
  counts = (rows == 0).sum(0)
  assert abs(counts - 500).max() < 5 * 19.4


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_hosts_together_read_the_same_batch(count):
  order = orders.Order(29, seed=7)
  for step in (0, 1, 2, 17):
    alone = order.rows(orders.Host().positions(step, 12))
    together = np.concatenate([
        order.rows(orders.Host(index, count).positions(step, 12))
        for index in range(count)])
    np.testing.assert_array_equal(together, alone)


def test_steps_follow_each_other_without_gap():
  host = orders.Host()
  positions = np.concatenate([host.positions(step, 5) for step in range(6)])
  np.testing.assert_array_equal(positions, np.arange(30))


def test_another_process_finds_the_same_order():
  code = ('from input_pipeline import order; '
          'print(order.Order(1000, 11).digest())')
  out = subprocess.run([sys.executable, '-c', code], capture_output=True,
                       text=True, check=True)
  assert out.stdout.strip() == orders.Order(1000, 11).digest()
  assert out.stdout.strip() == '60a48f09'


WINDOWED = [(100, 10, 2), (103, 10, 3), (7, 10, 2), (12, 5, 9), (9, 1, 1)]


def windowed(num_rows=103, block_rows=10, window_blocks=3, seed=4):
  return orders.Order(num_rows, seed, True, block_rows, window_blocks)


@pytest.mark.parametrize('sizes', WINDOWED)
def test_windows_too_hold_every_row_once_an_epoch(sizes):
  order, num_rows = windowed(*sizes), sizes[0]
  for epoch in range(4):
    rows = order.rows(np.arange(epoch * num_rows, (epoch + 1) * num_rows))
    np.testing.assert_array_equal(np.sort(rows), np.arange(num_rows))


def test_a_window_mixes_its_blocks_and_no_others():
  order = windowed(100, 10, 2)
  rows = order.rows(np.arange(300)).reshape(3, 5, 20)
  for window in rows.reshape(-1, 20):
    assert len(np.unique(window // 10)) == 2
    assert (np.sort(window) != window).any()
  pairs = {tuple(np.unique(w // 10)) for w in rows.reshape(-1, 20)}
  assert len(pairs) > 5  # Other blocks meet in another epoch.


@pytest.mark.parametrize('sizes', WINDOWED)
def test_windowed_rows_at_any_position_at_any_time(sizes):
  order = windowed(*sizes)
  whole = order.rows(np.arange(500))
  positions = np.random.default_rng(0).permutation(500)
  np.testing.assert_array_equal(order.rows(positions), whole[positions])


@pytest.mark.parametrize('sizes', WINDOWED)
def test_blocks_ahead_are_those_of_the_next_window(sizes):
  num_rows, block_rows, window_blocks = sizes
  order, window = windowed(*sizes), block_rows * window_blocks
  requested = [set(order.blocks_ahead(np.arange(s, s + 4)).tolist())
               for s in range(0, 600, 4)]
  for start in range(window + 4, 600, 4):
    used = order.rows(np.arange(start, start + 4)) // block_rows
    # A window is requested while the one before it is used, or at once
    # where a batch is longer than a window.
    first = max(0, (start - 2 * window) // 4 - 1)
    assert set(used.tolist()) <= set().union(*requested[first:start // 4 + 1])


def test_without_blocks_nothing_is_read_ahead():
  assert not len(orders.Order(9, 1).blocks_ahead(np.arange(3)))


def test_the_windowed_order_stays_what_it_is():
  assert windowed(1000, 64, 3).digest() == '0140ca03'


@pytest.mark.parametrize('blocks', [(0, 0), (10, 4)])
def test_lanes_are_the_rows_cut_in_order(blocks):
  order = orders.Order(103, 4, True, *blocks)
  lanes = [order.lane(i, 4) for i in range(4)]
  bounds = [0, 25, 51, 77, 103]  # Within a row of a quarter.
  for lane, first, stop in zip(lanes, bounds, bounds[1:]):
    assert lane.num_rows == stop - first
    for epoch in range(3):
      at = np.arange(epoch * lane.num_rows, (epoch + 1) * lane.num_rows)
      np.testing.assert_array_equal(np.sort(lane.rows(at)),
                                    np.arange(first, stop))
  # Lanes of one length do not move in step.
  second, third = (lane.rows(np.arange(26)) - lane.first_row
                   for lane in lanes[1:3])
  assert (second != third).any()


def test_a_lane_reads_its_own_blocks_ahead():
  lane = orders.Order(100, 1, True, 10, 4).lane(1, 2)
  for step in range(20):
    assert set(lane.blocks_ahead(np.arange(5) + 5 * step)) <= {5, 6, 7, 8, 9}


@pytest.mark.parametrize('make, complaint', [
    (lambda: orders.Order(9, 1, True, 3), 'block_rows=3, window_blocks=0'),
    (lambda: orders.Order(9, 1, True, -1, -1), 'block_rows=-1'),
    (lambda: orders.Order(0, 1), 'num_rows=0'),
    (lambda: orders.Order(1, -1), 'seed=-1'),
    (lambda: orders.Order(3, 0).lane(0, 4), 'lanes=4: must be at most the 3'),
    (lambda: orders.Order(9, 1, True, 3, 3).lane(0, 2), 'divide window_blocks'),
    (lambda: orders.Host(0, 3).lanes(4), 'lanes=4 do not divide among 3 hosts'),
    (lambda: orders.Host(2, 2), 'host 2 of 2'),
    (lambda: orders.Host(0, 3).positions(0, 8), '8 does not divide among 3'),
    (lambda: orders.Order(3, 0).rows(np.asarray([-1])), 'position -1'),
])
def test_nonsense_is_refused(make, complaint):
  with pytest.raises(ValueError, match=complaint):
    make()
