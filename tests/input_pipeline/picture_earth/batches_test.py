import contextlib
import json

from input_pipeline.picture_earth import batches, independent
import numpy as np
import pytest


def stream(processes=0, seed=0, size=4):
  return contextlib.closing(batches.Batches(seed, size, processes, 3))


def assert_same(batch, other):
  for name in ('pixels', 'values', 'shown', 'index'):
    np.testing.assert_array_equal(batch[name], other[name])


def test_batches_go_through_the_indices_in_order():
  with stream() as batch:
    first, second = next(batch), next(batch)
  assert first['index'].tolist() == [0, 1, 2, 3]
  assert second['index'].tolist() == [4, 5, 6, 7]
  np.testing.assert_array_equal(
      second['pixels'], independent.pictures(0, np.arange(4, 8)).pixels)


def test_a_stream_goes_on_where_it_was():
  with stream() as one, stream() as other:
    for _ in range(2):
      next(one)
    other.restore(json.loads(json.dumps(one.state())))
    assert_same(next(one), next(other))


@pytest.mark.parametrize('change', [{'seed': 1}, {'size': 8}])
def test_the_position_of_another_stream_is_refused(change):
  with stream() as one, stream(**change) as other:
    with pytest.raises(ValueError, match='another workdir'):
      other.restore(one.state())


@pytest.mark.parametrize('sizes', [(0, 1, 1), (1, -1, 1), (1, 0, 0)])
def test_sizes_are_checked(sizes):
  with pytest.raises(ValueError, match='at least'):
    batches.Batches(0, *sizes)


@pytest.mark.slow
def test_processes_draw_what_one_draws():
  with stream(2) as many, stream() as one:
    for _ in range(5):
      assert_same(next(many), next(one))
    many.restore({'seed': 0, 'batch_size': 4, 'position': 9})
    one.restore({'seed': 0, 'batch_size': 4, 'position': 9})
    assert_same(next(many), next(one))
