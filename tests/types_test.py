"""Stage records."""

import dataclasses

import numpy as np
from pinpoint_jax import types
import pytest


def photos():
  return types.Photos(
      np.asarray(['a', 'b', 'c']), np.asarray([[1.0, 2], [3, 4], [5, 6]]),
      np.asarray(['me', '', '']), np.asarray(['s1', 's1', '']), 'street')


def test_origin_is_author_else_sequence_else_the_photo_itself():
  assert photos().clusters.tolist() == ['a:me', 's:s1', 'i:c']


@pytest.mark.parametrize('rows', [
    np.asarray([2, 0]), np.asarray([True, False, True])])
def test_take_by_index_or_mask(rows):
  taken = photos().take(rows)
  assert set(taken.ids) == {'a', 'c'} and len(taken) == 2
  by_id = dict(zip(taken.ids.tolist(), taken.latlng_deg.tolist()))
  assert by_id == {'a': [1, 2], 'c': [5, 6]}


def test_records_are_frozen():
  with pytest.raises(dataclasses.FrozenInstanceError):
    photos().source = 'photo'


def test_shapes_are_enforced_under_test():
  with pytest.raises(TypeError):
    types.Predictions(np.asarray(['a', 'b']), np.zeros((3, 2)))
