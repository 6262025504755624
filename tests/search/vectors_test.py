"""Rows of several segments are the rows of one table."""

import numpy as np
from pinpoint_jax.search import vectors
import pytest


def test_joined_rows_are_those_of_the_concatenation():
  rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float16)
  joined = vectors.Joined(tuple(
      vectors.Vectors(rows[a:b]) for a, b in ((0, 7), (7, 7), (7, 20))))
  asked = np.array([19, 0, 7, 6, 7, 12])
  assert (len(joined), joined.dim) == (20, 3)
  np.testing.assert_array_equal(joined.take(asked),
                                rows[asked].astype(np.float32))


def test_int8_rows_keep_their_own_scale():
  rows = np.random.default_rng(0).normal(size=(8, 4)) * np.arange(1, 9)[:, None]
  joined = vectors.Joined((vectors.quantise(rows[:5]),
                           vectors.quantise(rows[5:])))
  np.testing.assert_array_equal(
      joined.take(np.array([6, 2])), vectors.quantise(rows).take(
          np.array([6, 2])))


def test_segments_of_unlike_width_are_refused():
  one, other = (vectors.Vectors(np.zeros((2, d), np.float16)) for d in (3, 4))
  with pytest.raises(ValueError, match=r'\[3, 4\] numbers a row'):
    vectors.Joined((one, other))
