"""Indices beside a gallery: whose they are, what stays, what is refused."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import (
  gallery,
  gallery_indexes,
  index_files,
  living,
  search,
)
import pytest

from tests.retrieval import tiny_gallery


def make(folder):
  store = tiny_gallery.make_store(folder / 's', tiny_gallery.names('p', 40))
  tiny_gallery.build(folder / 'g', [store])
  assert gallery_indexes.build(folder / 'g', smallest=10, tell=str) == 3
  return gallery.open_gallery(folder / 'g')


def test_small_segments_need_none_and_a_second_run_does_nothing(tmp_path):
  found = make(tmp_path)
  assert gallery_indexes.build(found.path, smallest=10, tell=str) == 0
  other = tmp_path / 'other'
  tiny_gallery.build(other, [tmp_path / 's'])
  assert gallery_indexes.build(other, tell=str) == 0
  assert gallery_indexes.load(gallery.open_gallery(other)) == {}


def test_answers_are_those_of_the_scan(tmp_path):
  found = make(tmp_path)
  indexed = gallery_indexes.load(found)
  assert {name for _, name in indexed} == set(types.CHANNELS)
  asked = np.random.default_rng(0).normal(size=(5, tiny_gallery.DIM)).astype(
      np.float32)
  rows = [search.Searcher(found, some).search('raw', asked, 6).rows
          for some in (indexed, None)]
  np.testing.assert_array_equal(*rows)


def test_indices_outlive_additions_and_takedowns_but_not_compaction(tmp_path):
  found = make(tmp_path)
  more = tiny_gallery.make_store(tmp_path / 'more', tiny_gallery.names('q', 5))
  tiny_gallery.add(found.path, [more])
  living.remove(found.path, np.array(['p3']))
  assert len(gallery_indexes.load(gallery.open_gallery(found.path))) == 3
  living.compact(found.path)
  assert gallery_indexes.load(gallery.open_gallery(found.path)) == {}


def test_an_index_of_another_gallery_is_refused(tmp_path):
  found = make(tmp_path)
  other = tmp_path / 'b'
  other.mkdir()
  strange = tiny_gallery.build(other / 'g', [tiny_gallery.make_store(
      other / 's', tiny_gallery.names('x', 40))])
  for mine, theirs in zip(gallery_indexes.places(found),
                          gallery_indexes.places(strange)):
    theirs.folder.parent.mkdir(parents=True, exist_ok=True)
    mine.folder.rename(theirs.folder)
  with pytest.raises(index_files.BadIndex):
    gallery_indexes.load(gallery.open_gallery(other / 'g'))
