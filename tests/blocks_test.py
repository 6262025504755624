"""Even samples and blocks of one size."""

import threading

import jax.numpy as jnp
import numpy as np
from pinpoint_jax import blocks
import pytest

from tests.fixtures import limits


@pytest.mark.parametrize('num_rows, most, rows', [
    (10, 4, [0, 2, 5, 7]), (3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]),
    (0, 4, []), (7, 0, []), (5_000_000_000, 2, [0, 2_500_000_000])])
def test_evenly_spread_by_hand(num_rows, most, rows):
  assert blocks.evenly_spread(num_rows, most).tolist() == rows


@pytest.mark.parametrize('xp', [np, jnp])
def test_rows_are_padded_with_zeros_to_a_multiple(xp):
  rows = xp.ones((3, 2))
  padded = blocks.pad_rows(rows, 4)
  assert isinstance(padded, type(rows))
  np.testing.assert_array_equal(padded, [[1, 1], [1, 1], [1, 1], [0, 0]])
  assert blocks.pad_rows(rows, 3).shape == (3, 2)
  assert blocks.pad_rows(xp.ones(3), 2).tolist() == [1, 1, 1, 0]
  assert blocks.pad_rows(rows[:0], 4).shape == (0, 2)


def test_blocks_cover_every_row_once_in_one_shape():
  a, b = np.arange(7), np.arange(14).reshape(7, 2)
  copies, shapes = (np.zeros_like(a), np.zeros_like(b)), set()
  for part, block in blocks.padded(3, a, b):
    shapes |= {x.shape for x in block}
    for copy, x in zip(copies, block):
      copy[part] += x[:part.stop - part.start]
  np.testing.assert_array_equal(copies[0], a)
  np.testing.assert_array_equal(copies[1], b)
  assert shapes == {(3,), (3, 2)}
  assert not list(blocks.padded(3, a[:0]))


def test_slices_cover_every_row_once():
  assert [(s.start, s.stop) for s in blocks.slices(7, 3)] == [
      (0, 3), (3, 6), (6, 7)]
  assert not list(blocks.slices(0, 3))


def test_rows_of_parts_are_found_in_their_part():
  parts = [np.arange(3), np.zeros(0, int), np.arange(10, 12)]
  rows = np.asarray([4, 0, 2, 3, 0])
  gathered = np.full(len(rows), -1)
  seen = []
  for i, at, inside in blocks.by_part(np.cumsum([3, 0, 2]), rows):
    seen.append(i)
    gathered[at] = parts[i][inside]
  assert seen == [0, 2] and gathered.tolist() == [11, 0, 2, 10, 0]


@pytest.mark.parametrize('num_rows', [0, 3, 4, 23])
def test_threads_answer_in_the_order_of_the_blocks(num_rows):
  met = threading.Barrier(2, timeout=limits.SECONDS)
  def ends(part: slice) -> int:
    if num_rows == 23 and part.start < 8:
      met.wait()  # Two at a time: one alone would wait for ever.
    return part.stop
  assert blocks.in_threads(ends, num_rows, 4) == [
      part.stop for part in blocks.slices(num_rows, 4)]


def test_what_fails_in_a_thread_fails():
  with pytest.raises(ZeroDivisionError):
    blocks.in_threads(lambda part: 1 / (part.start - 4), 20, 4)
