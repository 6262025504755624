"""Two sources side by side: resumed together, refused when they differ."""

import json

from input_pipeline import order as orders
from input_pipeline import pipeline as pipelines
from input_pipeline import several
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import rows, store_writer
import pytest

SIZES = {'photo': 10, 'street': 7}
BATCHES = {'photo': 4, 'street': 3}


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
  """Rows of a small store for each source; ids 'photo 0', 'photo 1', …"""
  def make(source, size):
    ids = np.asarray([f'{source} {i}' for i in range(size)], np.str_)
    none = np.full(size, '', np.str_)
    places = np.stack([1. + np.arange(size)] * 2, axis=1)
    features = np.arange(2. * size, dtype=np.float32).reshape(size, 2)
    path = tmp_path_factory.mktemp('stores') / source
    store_writer.write(path, types.Photos(ids, places, none, none, source),
                       [features], 2,
                       store_writer.FeatureOrigin('vit', 'a', 'b'))
    return rows.open_rows([str(path)])
  return {source: make(source, size) for source, size in SIZES.items()}


def column(batch):
  """Rows of a source come as columns already."""
  return batch


def stream(sources, seed=3, names=('photo', 'street')):
  return several.Several({
      source: pipelines.Pipeline(
          sources[source], orders.Order(SIZES[source], seed), BATCHES[source],
          sources[source].fingerprint(), 'column', column)
      for source in names}, num_threads=1, read_ahead=1)


def numbers(batches, count):
  return [{source: one['row'].tolist() for source, one in next(batches).items()}
          for _ in range(count)]


def test_each_source_has_its_own_batches_and_order(sources):
  batches = stream(sources)
  assert batches.rows_per_step == 7
  described = numbers(batches, 10)
  for source in SIZES:
    seen = np.concatenate([one[source] for one in described])
    # Each epoch has every row once, whatever the other source does.
    for epoch in range(len(seen) // SIZES[source]):
      part = seen[epoch * SIZES[source]:][:SIZES[source]]
      assert sorted(part) == list(range(SIZES[source]))
  batch = next(iter(batches))
  assert batch['photo']['features'].shape == (4, 2)
  np.testing.assert_array_equal(
      batch['photo']['features'][:, 0], 2 * batch['photo']['row'])


@pytest.mark.parametrize('stop', [0, 1, 5])
def test_resumed_it_goes_on_with_the_next_batch(sources, stop):
  whole = numbers(stream(sources), 8)
  before = stream(sources)
  numbers(before, stop)
  after = stream(sources)
  after.restore(json.loads(json.dumps(before.state())))
  assert numbers(after, 8 - stop) == whole[stop:]


@pytest.mark.parametrize('names', [('photo',), ('street', 'photo')])
def test_another_set_of_sources_is_refused(sources, names):
  state = stream(sources).state()
  if len(names) == 2:
    stream(sources, names=names).restore(state)  # Only their order differs.
    return
  with pytest.raises(ValueError,
                     match=r"sources \['photo', 'street'\] → \['photo'\]"):
    stream(sources, names=names).restore(state)
  with pytest.raises(ValueError,
                     match=r"sources \['photo'\] → \['photo', 'street'\]"):
    stream(sources).restore({'photo': state['photo']})


def test_another_stream_is_refused(sources):
  with pytest.raises(ValueError, match='seed 3 → 4'):
    stream(sources, seed=4).restore(stream(sources).state())


def test_a_batch_is_described_by_its_ids(sources):
  batches = stream(sources)
  described = batches.describe({'photo': {'row': np.asarray([9, 0])},
                                'street': {'row': np.asarray([3])}})
  assert described == {'photo': ['photo 9', 'photo 0'], 'street': ['street 3']}
  batch = next(batches)
  assert batches.describe(batch)['street'] == [
      f'street {row}' for row in batch['street']['row']]
