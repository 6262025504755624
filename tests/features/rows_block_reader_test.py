"""Rows read in blocks are the rows of the memory map, few held, read once."""

import threading

from input_pipeline import order as orders
from input_pipeline import pipeline as pipelines
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import rows, store, store_writer
from pinpoint_jax.features import rows as block_reader
import pytest

from tests.fixtures import seals

DIM = 6
FACTS = store_writer.FeatureOrigin('backbone', 'hash', 'resize(4)')


def make_store(path, first, count):
  names = [f'p{i}' for i in range(first, first + count)]
  features = np.arange(first * DIM, (first + count) * DIM, dtype=np.float32)
  photos = types.Photos(
      np.asarray(names, np.str_), np.zeros((count, 2)),
      np.asarray([''] * count, np.str_), np.asarray([''] * count, np.str_),
      'photo')
  return store_writer.write(path, photos, [features.reshape(-1, DIM)], DIM,
                            FACTS)


@pytest.fixture
def stores(tmp_path):
  sizes, first, actual = (50, 1, 120, 30), 0, []
  for count in sizes:
    actual.append(make_store(tmp_path / f's{first}', first, count))
    first += count
  return actual


@pytest.fixture
def chosen():
  return np.flatnonzero(np.random.default_rng(0).random(201) < 0.9)


@pytest.fixture
def table(stores, chosen):
  return rows.StoreRows(stores, chosen)


def in_blocks(table, block_rows=16, held_blocks=7):
  return rows.StoreRows(table.stores, table.chosen, block_rows, held_blocks)


@pytest.mark.parametrize('block_rows', [1, 7, 16, 500])
def test_rows_are_those_of_the_memory_map(table, block_rows):
  asked = np.random.default_rng(1).integers(0, len(table), 300).tolist()
  actual = in_blocks(table, block_rows, 2).__getitems__(asked)
  for name, column in table.__getitems__(asked).items():
    np.testing.assert_array_equal(actual[name], column)
    assert actual[name].dtype == column.dtype


def make_pipeline(table, batch_size=8, window=3, lanes=1, host=(0, 1)):
  order = orders.Order(len(table), 5, True, table.block_rows, window)
  return pipelines.Pipeline(table, order, batch_size, 'abc', 'same',
                            lambda batch: batch, orders.Host(*host), lanes)


def test_an_epoch_reads_each_block_once_and_holds_few(table):
  blocked = in_blocks(table)
  pipeline, most = make_pipeline(blocked), 0
  for step in range(len(table) // 8):
    batch = pipeline.batch(step)
    expected = table.__getitems__(batch['row'].tolist())
    np.testing.assert_array_equal(batch['features'], expected['features'])
    most = max(most, len(blocked.reader))
  # The next epoch's first window was asked for too.
  num_blocks = -(-len(table) // 16)
  assert num_blocks <= blocked.reader.num_reads <= num_blocks + 3
  assert 3 < most <= 7


@pytest.mark.parametrize('count', [1, 2, 4])
def test_each_host_reads_its_own_blocks_of_the_same_batches(table, count):
  alone = make_pipeline(in_blocks(table, 4, 99), 8, 8, 4)
  parts = [in_blocks(table, 4, 99) for _ in range(count)]
  hosts = [make_pipeline(part, 8, 8, 4, (i, count))
           for i, part in enumerate(parts)]
  seen = [set() for _ in hosts]
  for step in range(40):
    batches = [host.batch(step) for host in hosts]
    np.testing.assert_array_equal(
        np.concatenate([batch['features'] for batch in batches]),
        alone.batch(step)['features'])
    for blocks, batch in zip(seen, batches):
      blocks.update((batch['row'] // 4).tolist())
  for part, blocks in zip(parts, seen):
    assert part.reader.num_reads == len(blocks)
  # 171 rows are 43 blocks; lanes begin at rows 42, 85 and 128, the first two
  # of which are within a block.
  assert len(table) == 171
  assert sum(map(len, seen)) == 43 + {1: 0, 2: 1, 4: 2}[count]
  assert alone.fingerprint() == hosts[-1].fingerprint()
  assert alone.fingerprint()['lanes'] == 4


@pytest.mark.parametrize('lanes, host, complaint', [
    (1, (0, 2), 'lanes=1 do not divide among 2 hosts: set a multiple of 2'),
    (0, (0, 1), 'lanes=0: must be at least 1'),
    (3, (0, 1), 'divide batch_size 8')])
def test_lanes_that_do_not_fit_are_refused(table, lanes, host, complaint):
  with pytest.raises(ValueError, match=complaint):
    make_pipeline(in_blocks(table), 8, 3, lanes, host)


@pytest.mark.parametrize('stop', [0, 5, 21, 22, 40])
def test_resumed_anywhere_is_the_uninterrupted_stream(table, stop):
  whole = pipelines.Batches(make_pipeline(in_blocks(table)))
  expected = [next(whole) for _ in range(50)]
  before = pipelines.Batches(make_pipeline(in_blocks(table)))
  for _ in range(stop):
    next(before)
  after = pipelines.Batches(make_pipeline(in_blocks(table)), num_threads=4)
  after.restore(before.state())
  for batch in expected[stop:]:
    np.testing.assert_array_equal(next(after)['features'], batch['features'])


def test_the_fingerprint_names_blocks_only_where_there_are_some(table):
  actual = make_pipeline(in_blocks(table)).fingerprint()
  assert (actual['block_rows'], actual['window_blocks']) == (16, 3)
  plain = pipelines.Pipeline(table, orders.Order(len(table), 5), 8, 'a', 'b')
  assert 'block_rows' not in plain.fingerprint()


def test_threads_that_ask_together_read_once(stores, monkeypatch):
  begun, go = threading.Event(), threading.Event()
  read = block_reader._read_into
  def slow(*args):
    begun.set()
    go.wait(10)
    read(*args)
  monkeypatch.setattr(block_reader, '_read_into', slow)
  reader = block_reader.BlockReader(stores[:1], np.arange(50), 50, 1)
  actual = []
  read_one = lambda: actual.append(reader.rows(np.arange(3)))
  threads = [threading.Thread(target=read_one) for _ in range(4)]
  for thread in threads:
    thread.start()
  assert begun.wait(10)
  go.set()
  for thread in threads:
    thread.join()
  assert len(actual) == 4 and reader.num_reads == 1


def test_a_failed_read_is_raised_and_tried_again(stores):
  reader = block_reader.BlockReader(stores[:1], np.arange(50), 10, 2)
  file = stores[0].path / store.FEATURES
  whole = file.read_bytes()
  file.write_bytes(whole[:-DIM])
  with pytest.raises(store.BadStore, match='ends before row 50'):
    reader.rows(np.asarray([45]))
  file.write_bytes(whole)
  assert reader.rows(np.asarray([45]))[0, 0] == 45 * DIM


def test_a_changed_file_is_refused_before_a_block_is_read(stores):
  seals.flip(stores[2].path / store.FEATURES)
  with pytest.raises(store.BadStore, match='features.f16.bin was changed'):
    block_reader.BlockReader(stores, np.arange(50), 10, 2)


@pytest.mark.parametrize('chosen, block_rows, complaint', [
    (np.asarray([1, 0]), 2, 'rising order'),
    (np.asarray([0, 1]), 0, 'block_rows=0'),
])
def test_nonsense_is_refused(stores, chosen, block_rows, complaint):
  with pytest.raises(ValueError, match=complaint):
    block_reader.BlockReader(stores, chosen, block_rows, 1)
