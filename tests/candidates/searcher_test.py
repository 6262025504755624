"""Three searches over living galleries, against plain numpy on all rows."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import update
from pinpoint_jax.search import ann, ann_scann, masks, row_sets
import pytest

from tests.fixtures import tiny_gallery as tiny

NUM = 60
SIZES = shortlist.Sizes(4, 3, 2)


@pytest.fixture(scope='module')
def one(tmp_path_factory):
  """A gallery in one segment."""
  return _gallery(tmp_path_factory.mktemp('one'), 1)


@pytest.fixture(scope='module')
def several(tmp_path_factory):
  """The same rows in three segments."""
  return _gallery(tmp_path_factory.mktemp('several'), 3)


def _gallery(folder, parts):
  ids = tiny.names('p', NUM)
  stores = [tiny.make_store(folder / f's{i}', ids[i::parts])
            for i in range(parts)]
  tiny.build(folder / 'g', stores[:1])
  for store in stores[1:]:
    tiny.add(folder / 'g', [store])
  return galleries.open_gallery(folder / 'g')


def queries(count=7):
  rng = np.random.default_rng(1)
  def unit(dim):
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
  return shortlist.Queries(unit(tiny.trained().model.dim),
                           unit(tiny.DIM))


def plain(found, channel, asked, k, hidden=None):
  """Ids of the k best live rows of each query."""
  vectors = np.concatenate([v.block(0, len(v)) for v in found.channel(channel)])
  scores = (asked.of(channel)[:, None] * vectors[None]).sum(axis=-1)
  scores[:, found.removed] = -np.inf
  if hidden is not None:
    scores[hidden] = -np.inf
  ids = found.ids(np.arange(len(found)))
  order = [np.lexsort([ids, -one])[:k] for one in scores]
  return [[str(ids[i]) for i in best if scores[query, i] > -np.inf]
          for query, best in enumerate(order)]


def ids_of(found, rows):
  return [found.ids(some[some >= 0]).tolist() for some in rows]


def indexed(found):
  return {(segment.name, name): ann_scann.ScannIndex.build(
      segment.channel(name), ann.Settings(num_leaves=0), 'x')
          for segment in found.segments for name in types.CHANNELS}


@pytest.mark.parametrize('channel', types.CHANNELS)
@pytest.mark.parametrize('with_index', [False, True])
def test_equals_plain_numpy_however_the_rows_are_laid(
    one, several, channel, with_index):
  asked = queries()
  for found in (one, several):
    searcher = search.Searcher(found, indexed(found) if with_index else None)
    rows = searcher.search(channel, asked.of(channel), 5).rows
    assert ids_of(found, rows) == plain(found, channel, asked, 5)


@pytest.mark.parametrize('with_index', [False, True])
def test_masked_rows_never_appear(several, with_index):
  asked, rng = queries(), np.random.default_rng(3)
  hidden = rng.random((7, NUM)) < .5
  counts = hidden.sum(axis=1)
  mask = masks.Mask(row_sets.from_counts(np.nonzero(hidden)[1], counts),
                    np.arange(0, NUM, 9), np.arange(4, NUM))
  hidden = hidden | (np.arange(NUM) % 9 == 0) | (np.arange(NUM) < 4)
  searcher = search.Searcher(several, indexed(several) if with_index else None)
  found = searcher.search('image', asked.z_image, 20, mask)
  assert ids_of(several, found.rows) == plain(
      several, 'image', asked, 20, hidden)
  if with_index:  # Half the rows of each part are hidden: lists fell short.
    assert searcher.num_scanned_again


def test_a_small_region_is_scanned_exactly(one):
  asked, region = queries(), np.array([3, 17, 40])
  searcher = search.Searcher(one, indexed(one))
  mask = masks.Mask(row_sets.none(7), np.zeros(0, np.int64), region)
  found = searcher.search('location', asked.z_image, 5, mask)
  assert (found.rows[:, 3:] == -1).all()
  assert all(set(rows[:3]) == {3, 17, 40} for rows in found.rows.tolist())
  nowhere = masks.Mask(row_sets.none(7), np.zeros(0, np.int64), region[:0])
  assert (searcher.search('raw', asked.raw, 5, nowhere).rows == -1).all()


def test_rows_taken_down_are_gone_from_every_channel(tmp_path):
  found = _gallery(tmp_path, 2)
  asked = queries()
  best = search.Searcher(found).shortlist(asked, SIZES)
  gone = np.unique(found.ids(np.unique(best.rows[best.rows >= 0])))[:10]
  update.remove(found.path, gone)
  again = galleries.open_gallery(found.path)
  rows = search.Searcher(again).shortlist(asked, SIZES).rows
  assert not np.isin(again.ids(rows[rows >= 0]), gone).any()
  update.compact(found.path)
  compacted = galleries.open_gallery(found.path)
  assert ids_of(compacted, search.Searcher(compacted).shortlist(
      asked, SIZES).rows) == ids_of(again, rows)


def test_a_shortlist_does_not_depend_on_the_batch(several):
  asked, searcher = queries(9), search.Searcher(several)
  whole = searcher.shortlist(asked, SIZES)
  assert whole.rows.shape == (9, SIZES.total)
  for start in range(0, 9, 2):
    part = searcher.shortlist(asked.take(slice(start, start + 2)), SIZES)
    for name in ('rows', 'ranks', 'similarities'):
      np.testing.assert_array_equal(
          getattr(part, name), getattr(whole, name)[start:start + 2])


def test_similarities_are_those_of_all_channels(one):
  asked = queries()
  found = search.Searcher(one).shortlist(asked, SIZES)
  for i, name in enumerate(types.CHANNELS):
    vectors = one.channel(name)[0].block(0, NUM)
    expected = asked.of(name) @ vectors.T
    for query, rows in enumerate(found.rows):
      real = rows >= 0
      np.testing.assert_allclose(found.similarities[query, real, i],
                                 expected[query, rows[real]], atol=1e-6)


def test_a_channel_the_gallery_lacks_is_refused(tmp_path):
  from pinpoint_jax.gallery import writer
  store = tiny.make_store(tmp_path / 's', tiny.names('p', 9))
  tiny.build(tmp_path / 'g', [store],
             writer.Settings(raw='off'))
  searcher = search.Searcher(galleries.open_gallery(tmp_path / 'g'))
  assert searcher.channels == ('image', 'location')
  with pytest.raises(ValueError, match="channel 'raw'.*has .*image"):
    searcher.search('raw', queries().raw, 3)


def test_together_is_exact_and_has_no_index(several):
  """One process alone; tests/search/all_hosts_test.py has two and four."""
  assert search.open_searcher(several, 'exact', together=True).lists(
      queries(), {'image': 9})['image'].rows.tolist() == search.Searcher(
          several).search('image', queries().z_image, 9).rows.tolist()
  with pytest.raises(ValueError, match='an index is searched by one process'):
    search.open_searcher(several, 'index', together=True)
