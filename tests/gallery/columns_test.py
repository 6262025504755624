"""Names behind codes, by hand."""

import numpy as np
from pinpoint_jax.gallery import columns
from pinpoint_jax.gallery.columns import Coded
import pytest


def coded(codes, *names):
  return Coded(np.array(codes, '<i4'), np.array(names, np.str_))


ONE = coded([1, -1, 0, 1], 'ann', 'eve')
TWO = coded([0, 0, -1], 'bob')


def test_names_there_and_back():
  assert ONE.decode(np.array([3, 1, 2])).tolist() == ['eve', '', 'ann']
  assert ONE.find(np.array(['eve', 'bob', '', 'zoe'])).tolist() == [1, -1, -1,
                                                                    -1]


def test_some_rows_keep_only_their_names():
  actual = ONE.take(np.array([0, 1, 3]))
  assert actual.names.tolist() == ['eve']
  assert actual.codes.tolist() == [0, -1, 0]


def test_joined_columns_share_their_names():
  actual = columns.join([ONE, TWO])
  assert actual.names.tolist() == ['ann', 'bob', 'eve']
  assert actual.codes.tolist() == [2, -1, 0, 2, 1, 1, -1]
  assert columns.join([TWO]) is TWO


@pytest.mark.parametrize('parts', [[], [coded([])], [coded([]), coded([-1])]])
def test_columns_without_names(parts):
  actual = columns.join(parts)
  rows = np.arange(len(actual))
  assert actual.decode(rows).tolist() == [''] * len(actual)
  assert actual.find(np.array(['x'])).tolist() == [-1]
  assert len(actual.take(rows).names) == 0


def test_lines_and_where_they_begin():
  text, offsets = columns.to_lines(np.array(['a', 'é', 'bcd']))
  assert offsets.tolist() == [0, 2, 5, 9] and text == 'a\né\nbcd\n'.encode()
  data = np.frombuffer(text, np.uint8)
  assert columns.lines(data).tolist() == ['a', 'é', 'bcd']
  ids = columns.Ids(data, offsets)
  assert ids.block(1, 3).tolist() == ['é', 'bcd'] and len(ids) == 3
  assert ids.take(np.array([2, 0])).tolist() == ['bcd', 'a']
