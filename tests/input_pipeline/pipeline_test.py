"""Batches: on hosts, resumed anywhere, refused where they do not belong."""

import json

from input_pipeline import order as orders
from input_pipeline import pipeline as pipelines
import numpy as np
import pytest


class Rows:
  """A hundred rows that count how often they were read together."""

  def __init__(self, num_rows=100):
    self.num_rows, self.calls = num_rows, 0

  def __len__(self):
    return self.num_rows

  def __getitem__(self, row):
    return {'row': np.int64(row), 'pair': np.asarray([row, -row])}


class ManyRows(Rows):

  def __getitems__(self, rows):
    self.calls += 1
    return [self[row] for row in rows]


def make(seed=3, batch_size=12, data='abc', name='stack', source=None,
         host=None):
  source = source or Rows()
  return pipelines.Pipeline(
      source, orders.Order(len(source), seed), batch_size, data, name,
      host=host or orders.Host())


def take(batches, count):
  return [next(batches)['row'] for _ in range(count)]


def test_batches_are_those_of_the_order():
  pipeline = make()
  batches = pipelines.Batches(pipeline)
  for step in range(20):  # Two epochs and a half.
    batch = next(batches)
    np.testing.assert_array_equal(batch['row'], pipeline.rows(step))
    np.testing.assert_array_equal(batch['pair'][:, 1], -batch['row'])
  assert batches.step == 20


@pytest.mark.parametrize('stop', [0, 1, 8, 9, 25])
def test_resumed_anywhere_is_the_uninterrupted_stream(stop):
  whole = take(pipelines.Batches(make()), 30)
  before = pipelines.Batches(make())
  head = take(before, stop)
  state = json.loads(json.dumps(before.state()))
  after = pipelines.Batches(make(), num_threads=5, read_ahead=1)
  after.restore(state)
  np.testing.assert_array_equal(head + take(after, 30 - stop), whole)


@pytest.mark.parametrize('count', [1, 2, 3, 4])
def test_hosts_share_each_batch_and_may_change_at_resume(count):
  whole = take(pipelines.Batches(make()), 6)
  batches = pipelines.Batches(make())
  take(batches, 3)
  hosts = [pipelines.Batches(make(host=orders.Host(i, count)))
           for i in range(count)]
  for host in hosts:
    host.restore(batches.state())
  for step in (3, 4, 5):
    together = np.concatenate([next(host)['row'] for host in hosts])
    np.testing.assert_array_equal(together, whole[step])


@pytest.mark.parametrize('change, words', [
    ({'seed': 4}, r'\(seed 3 → 4, order .*\)'),
    ({'data': 'abd'}, r'\(data abc → abd\)'),
    ({'batch_size': 24}, r'\(batch_size 12 → 24\)'),
    ({'name': 'crop'}, r'\(pipeline stack → crop\)'),
    ({'source': Rows(99)}, r'num_rows 100 → 99'),
])
def test_another_stream_refuses_the_position(change, words):
  batches = pipelines.Batches(make())
  with pytest.raises(ValueError,
                     match='data pipeline fingerprint differs ' + words
                     if words.startswith(r'\(') else words):
    pipelines.Batches(make(**change)).restore(batches.state())


def test_a_refused_position_leaves_the_iterator_where_it_was():
  batches = pipelines.Batches(make(seed=4))
  first = take(batches, 1)
  with pytest.raises(ValueError):
    batches.restore(pipelines.Batches(make()).state())
  again = take(pipelines.Batches(make(seed=4)), 2)
  np.testing.assert_array_equal(first + take(batches, 1), again)


def test_reading_ahead_does_not_move_the_position():
  batches = pipelines.Batches(make(), num_threads=4, read_ahead=16)
  take(batches, 2)
  assert batches.state()['step'] == 2


def test_rows_are_read_together_where_the_source_can():
  source = ManyRows()
  batch = make(source=source).batch(0)
  assert source.calls == 1
  np.testing.assert_array_equal(batch['row'], make().batch(0)['row'])


def test_an_error_in_a_row_reaches_the_reader():
  class Broken(Rows):
    def __getitem__(self, row):
      raise OSError(f'row {row} is gone')
  with pytest.raises(OSError, match='is gone'):
    next(pipelines.Batches(make(source=Broken())))


def test_what_does_not_fit_is_refused_at_once():
  with pytest.raises(ValueError, match='source has 100 rows, the order 7'):
    pipelines.Pipeline(Rows(), orders.Order(7, 0), 4, '', '')
  with pytest.raises(ValueError, match='12 does not divide among 5 hosts'):
    make(host=orders.Host(0, 5))
