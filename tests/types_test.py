"""Stage records."""

import dataclasses

import numpy as np
from pinpoint_jax import types
import pytest


def photos():
  return types.Photos(
      np.asarray(['a', 'b', 'c']), np.asarray([[1.0, 2], [3, 4], [5, 6]]),
      np.asarray(['me', '', '']), np.asarray(['s1', 's1', '']), 'street')


def test_an_origin_is_all_that_author_or_sequence_links():
  assert photos().clusters.tolist() == ['a:me', 'a:me', 'i:c']


def test_origins_are_connected_components():
  """Nothing that a fold leaves out shares an author or drive with the rest."""
  authors = ['anna', '', 'bob', 'anna', 'zoe', '', '', '']
  drives = ['drive7', 'drive7', 'drive7', '', '', 'drive9', '', 'drive9']
  names = [f'p{i}' for i in range(8)]
  result = types.Photos(np.asarray(names), np.zeros((8, 2)),
                        np.asarray(authors),
                        np.asarray(drives), 'street')
  assert result.clusters.tolist() == [
      'a:anna', 'a:anna', 'a:anna', 'a:anna', 'a:zoe', 's:drive9', 'i:p6',
      's:drive9']
  assert result.take(np.zeros(0, int)).clusters.shape == (0,)


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
