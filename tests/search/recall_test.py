"""Shares of exact answers that were found, by hand."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import recall
import pytest


def test_by_row():
  right = np.array([[1, 2], [3, -1]])
  assert recall.by_row(np.array([[2, 9], [3, 0]]), right) == 2 / 3


def test_a_score_as_high_as_the_last_counts():
  right = types.Candidates(
      np.array([[4, 1, 7], [2, 0, -1]]),
      np.array([[.9, .5, .5], [.9, .8, -np.inf]], np.float32))
  scores = np.array([[.9, .5, .4], [.9, .7, -np.inf]], np.float32)
  # Two of three, and one of the two that there are.
  assert recall.as_good(scores, right) == 3 / 5
  assert recall.as_good(right.scores, right) == 1


def test_without_exact_answers_nothing_can_be_found():
  none = types.Candidates(np.array([[-1]]), np.array([[-np.inf]], np.float32))
  with pytest.raises(ValueError, match='no exact answers'):
    recall.as_good(none.scores, none)
  with pytest.raises(ValueError, match='no exact answers'):
    recall.by_row(np.array([[1]]), none.rows)
