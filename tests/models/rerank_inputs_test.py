"""Columns of numbers about each candidate, by hand."""

import math

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.models import rerank_inputs
import pytest


def shortlist():
  """One query: a candidate of two channels, one of the third, a padded one."""
  return types.Shortlist(
      np.array([[7, 3, -1]]), np.array([[[0, 3, -1], [-1, -1, 0], [-1] * 3]]),
      np.array([[[.9, .5, 0], [.4, .2, 0], [-np.inf] * 3]], np.float32))


COUNTS = np.array([[[[0, 1], [3, 7]], [[0, 0], [1, 0]], [[9, 9], [9, 9]]]])


def test_meta_by_hand():
  result = rerank_inputs.meta(shortlist(), COUNTS)
  assert result.dtype == np.float32
  log = math.log
  first = dict(zip(rerank_inputs.META, result[0, 0]))
  assert first == pytest.approx({
      'in_image': 1, 'in_location': 1, 'in_raw': 0, 'inverse_rank_image': 1,
      'inverse_rank_location': 1 / 4, 'inverse_rank_raw': 0,
      'similarity_image': .9, 'similarity_location': .5, 'similarity_raw': 0,
      'log_photo_1km': 0, 'log_street_1km': log(2), 'log_photo_25km': log(4),
      'log_street_25km': log(8)})
  np.testing.assert_allclose(
      result[0, 1], [0, 0, 1, 0, 0, 1, .4, .2, 0, 0, 0, log(2), 0], rtol=1e-6)
  np.testing.assert_array_equal(result[0, 2], 0)


def test_support_scalars_by_hand():
  # By image and by raw; the second gallery row's raw feature is unknown.
  best = np.array([[[.75, .5], [.25, -np.inf], [-np.inf, -np.inf]]])
  result = rerank_inputs.support_scalars(
      best, np.array([[32, 1, 0]]), np.array([[0., 24., np.inf]]))
  np.testing.assert_allclose(result, [[
      [math.log(33), .75, .5, 0], [math.log(2), .25, 0, math.log(25)],
      [0, 0, 0, 0]]], rtol=1e-6)


def test_numbers_that_are_none_are_refused():
  bad = shortlist()
  bad.similarities[0, 1, 2] = np.nan
  with pytest.raises(ValueError, match='candidate 1 of query 0: similarity_raw '
                     'is nan; its similarities'):
    rerank_inputs.meta(bad, COUNTS)
