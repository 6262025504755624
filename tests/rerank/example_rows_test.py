"""Examples on disk and as batches, against the rankers' own reading."""

import shutil
import types

import jax
import numpy as np
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.disk import parts
from pinpoint_jax.parallel import processes
from pinpoint_jax.rerank import example_rows, examples
import pytest

from tests.fixtures import tiny_ranking as tiny

SETTINGS = examples.Settings(tiny.SIZES, rounds=2)
NUM = 24


@pytest.fixture(scope='module')
def asked():
  return examples.LabeledQueries(tiny.photos('photo', NUM, 'q'),
                                 tiny.queries(NUM))


def make(folder, asked, kind='attention', settings=SETTINGS, done=None,
         groups=(),
         stopping=lambda: False, **changes):
  ground = tiny.ground(3)
  builder = examples.ExampleBuilder(ground.searcher, ground.reader, settings)
  return example_rows.make(
      parts.Folder(folder, {'kind': kind == 'light'}), builder, ground.reader,
      tiny.model(kind, **changes), asked, groups, done or (lambda _: None),
      stopping)


@pytest.mark.parametrize('kind', ['attention', 'interaction', 'light'])
def test_a_batch_is_what_a_ranker_reads(asked, tmp_path, kind):
  settings = examples.Settings(tiny.SIZES, 1, (0.,), 0)
  ground, rows = tiny.ground(3), np.array([5, 0, 17])
  groups = ('density',) if kind == 'light' else ('other', 'density')
  given = make(tmp_path, asked, kind, settings,
               groups=groups).__getitems__(rows)
  queries, mask = asked.vectors.take(rows), tiny.mask(ground.gallery, NUM)
  result = ground.searcher.shortlist(
      queries, shortlist.Sizes(**tiny.SIZES), mask.take(rows))
  want = ground.reader.batch(
      tiny.model(kind), queries,
      ground.reader.context(queries, result, 'photo', mask.take(rows)), groups)
  assert jax.tree.structure(given['batch']) == jax.tree.structure(want)
  for one, other in zip(*map(jax.tree.leaves, (given['batch'], want))):
    np.testing.assert_array_equal(one, other)
  np.testing.assert_array_equal(given['row'], rows)


def test_rerankers_of_other_columns_share_the_examples(asked, tmp_path):
  few = make(tmp_path, asked, 'interaction')
  many = make(tmp_path, asked, 'attention', groups=('own', 'other'))
  assert few.fingerprint() == many.fingerprint()
  assert many.__getitems__([3])['batch'].columns.shape[-1] == 8
  assert few.__getitems__([3])['batch'].columns.shape[-1] == 0


def test_rows_are_rounds_of_the_queries(asked, tmp_path):
  heard = []
  result = make(tmp_path, asked, done=heard.append)
  assert len(result) == sum(heard) == 2 * NUM
  assert result.ids(np.array([3, NUM + 3])) == [asked.photos.ids[3]] * 2
  first, second = (result.__getitems__([i])['batch'] for i in (3, NUM + 3))
  np.testing.assert_array_equal(first.inputs.query_image,
                                second.inputs.query_image)
  assert (first.inputs.image != second.inputs.image).any()


def test_a_part_that_is_lost_is_made_again_as_it_was(asked, tmp_path):
  before = make(tmp_path, asked).fingerprint()
  shutil.rmtree(tmp_path / 'part_00001')
  assert make(tmp_path, asked).fingerprint() == before


def test_stopped_between_parts_it_keeps_them_and_makes_only_the_rest(
    asked, tmp_path):
  whole = make(tmp_path / 'whole', asked).fingerprint()
  with pytest.raises(parts.Interrupted, match='those that are there are kept'):
    make(tmp_path / 'some', asked, stopping=lambda: True)
  first = tmp_path / 'some' / 'part_00000' / 'rows.npy'
  written = first.stat().st_mtime_ns
  assert not (tmp_path / 'some' / 'part_00001').exists()
  assert make(tmp_path / 'some', asked).fingerprint() == whole
  assert first.stat().st_mtime_ns == written


@pytest.fixture
def as_process(monkeypatch):
  """Makes this process one of several, which are never heard of."""
  monkeypatch.setattr(examples, 'PART', 10)
  monkeypatch.setattr(processes, 'together', lambda work: work())
  monkeypatch.setattr(processes, 'any_process', lambda *flags: flags)
  def become(index, count=2):
    monkeypatch.setattr(example_rows, 'jax', types.SimpleNamespace(
        process_index=lambda: index, process_count=lambda: count))
  return become


def test_each_process_makes_its_own_blocks(asked, tmp_path, as_process):
  as_process(0, 1)
  whole = make(tmp_path / 'whole', asked).fingerprint()
  as_process(1)
  # It is the last part to be made that opens all.
  with pytest.raises(ValueError, match='part_00000/manifest.json is missing'):
    make(tmp_path / 'w', asked)
  # Of three blocks the second, in two rounds.
  assert sorted(path.name for path in (tmp_path / 'w').glob('part_*')) == [
      'part_00001', 'part_00004']
  as_process(0)
  heard = []
  result = make(tmp_path / 'w', asked, done=heard.append)
  assert result.fingerprint() == whole and heard == [40, 8]


def test_told_to_another_process_it_stops_too(
    asked, tmp_path, as_process, monkeypatch):
  as_process(1)
  monkeypatch.setattr(processes, 'any_process', lambda *_: (True,))
  with pytest.raises(parts.Interrupted):
    make(tmp_path, asked)
  assert (tmp_path / 'part_00001').exists()


def test_proposed_lists_have_no_deep_negatives(asked, tmp_path):
  result = make(tmp_path, asked).proposed(10)
  rows = result.shortlist.rows
  assert len(rows) == 10
  assert ((result.shortlist.ranks >= 0).any(axis=-1) == (rows >= 0)).all()
  assert np.isinf(result.dist_km[rows < 0]).all()
  assert np.isfinite(result.dist_km[rows >= 0]).all()
  assert result.columns.shape == (*rows.shape, 0)


@pytest.mark.parametrize('kind, changes, names', [
    ('attention', {}, {'meta_norm', 'support_norm'}),
    ('attention', {'use_support': False}, {'meta_norm'}),
    ('interaction', {'use_support': False}, {'meta_norm'}),
    ('interaction', {'use_support': True}, {'meta_norm', 'support_norm'}),
    ('light', {}, {'features_norm'})])
def test_norms_are_those_of_the_modules_columns(asked, tmp_path, kind, changes,
                                                names):
  result = example_rows.norms(make(tmp_path, asked, kind, **changes))
  module = tiny.model(kind, **changes)
  assert result.keys() == names
  for name, norm in result.items():
    for column, value in norm.items():
      assert value.shape == tiny.params(module)[name][column].shape
