"""Indices beside a gallery: whose they are, what stays, what is refused."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import indexes, update
import pytest

from tests.fixtures import tiny_gallery as tiny


def make(folder):
  store = tiny.make_store(folder / 's', tiny.names('p', 40))
  tiny.build(folder / 'g', [store])
  assert indexes.build(folder / 'g', smallest=10, report_fn=str) == 3
  return galleries.open_gallery(folder / 'g')


def test_small_segments_need_none_and_a_second_run_does_nothing(tmp_path):
  actual = make(tmp_path)
  assert indexes.build(actual.path, smallest=10, report_fn=str) == 0
  other = tmp_path / 'other'
  tiny.build(other, [tmp_path / 's'])
  assert indexes.build(other, report_fn=str) == 0
  assert indexes.load(galleries.open_gallery(other)) == {}


def test_answers_are_those_of_the_scan(tmp_path):
  actual = make(tmp_path)
  indexed = indexes.load(actual)
  assert {name for _, name in indexed} == set(types.CHANNELS)
  asked = np.random.default_rng(0).normal(size=(5, tiny.DIM)).astype(
      np.float32)
  rows = [searcher.Searcher(actual, some).search('raw', asked, 6).rows
          for some in (indexed, None)]
  np.testing.assert_array_equal(*rows)


def test_indices_outlive_additions_and_takedowns_but_not_compaction(tmp_path):
  actual = make(tmp_path)
  more = tiny.make_store(tmp_path / 'more', tiny.names('q', 5))
  tiny.add(actual.path, [more])
  update.remove(actual.path, np.array(['p3']))
  assert len(indexes.load(galleries.open_gallery(actual.path))) == 3
  update.compact(actual.path)
  assert indexes.load(galleries.open_gallery(actual.path)) == {}


def test_an_index_of_another_gallery_is_refused(tmp_path):
  actual = make(tmp_path)
  other = tmp_path / 'b'
  other.mkdir()
  strange = tiny.build(other / 'g', [tiny.make_store(
      other / 's', tiny.names('x', 40))])
  for mine, theirs in zip(indexes.places(actual),
                          indexes.places(strange)):
    theirs.folder.parent.mkdir(parents=True, exist_ok=True)
    mine.folder.rename(theirs.folder)
  with pytest.raises(ValueError):
    indexes.load(galleries.open_gallery(other / 'g'))
