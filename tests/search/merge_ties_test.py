"""Rows of equal score stand in order of row."""

import numpy as np
from pinpoint_jax.search import merge


def test_equal_scores_by_row_and_nothing_else_moves():
  rows = np.array([[9, 4, 7, 1], [3, 2, 1, -1]])
  scores = np.array([[.9, .5, .5, .5], [.3, .2, .1, -np.inf]], np.float32)
  result = merge.order_by_row(rows, scores)
  np.testing.assert_array_equal(result.rows, [[9, 1, 4, 7], [3, 2, 1, -1]])
  np.testing.assert_array_equal(result.scores, scores)


def test_no_queries():
  result = merge.order_by_row(np.zeros((0, 3), int), np.zeros((0, 3),
                                                              np.float32))
  assert result.rows.shape == (0, 3)
