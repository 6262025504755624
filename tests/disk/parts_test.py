"""Tables made part by part: whole parts, one table, nothing foreign."""

import numpy as np
from pinpoint_jax.disk import parts
import pytest

ABOUT = {'model': 'a', 'sizes': {'image': 8}, 'radii': (0., .1)}


def columns(start, count):
  rows = np.arange(start, start + count)
  return {'rows': rows, 'wide': np.stack([rows, -rows], 1).astype(np.float32)}


@pytest.fixture
def folder(tmp_path):
  actual = parts.Folder(tmp_path / 't', ABOUT)
  for i, (start, count) in enumerate(((0, 4), (4, 1), (5, 3))):
    actual.write(i, columns(start, count))
  return actual


def test_rows_are_those_of_the_parts_end_to_end(folder):
  table = folder.open(3)
  rows = np.array([7, 0, 4, 4, 5, 3])
  taken, want = table.take(rows), columns(0, 8)
  assert len(table) == 8 and taken.keys() == want.keys()
  for name in want:
    assert taken[name].dtype == want[name].dtype
    np.testing.assert_array_equal(taken[name], want[name][rows])


def test_it_goes_on_with_the_parts_that_are_there(folder, tmp_path):
  again = parts.Folder(tmp_path / 't', ABOUT)
  assert [again.has(i) for i in range(4)] == [True] * 3 + [False]
  assert again.open(3).fingerprint == folder.open(3).fingerprint
  again.write(3, columns(8, 2))
  assert again.open(4).fingerprint != folder.open(3).fingerprint


def test_a_part_that_was_never_finished_is_not_there(folder, tmp_path):
  class Full(Exception):
    pass
  def broken():
    yield 'rows', np.arange(3)
    raise Full
  class Columns(dict):
    def items(self):
      return broken()
  with pytest.raises(Full):
    folder.write(3, Columns(rows=np.arange(3)))
  assert not folder.has(3)
  assert [p.name for p in sorted((tmp_path / 't').iterdir())] == [
      'about.json', 'part_00000', 'part_00001', 'part_00002']


def test_other_things_are_refused(folder, tmp_path):
  with pytest.raises(ValueError, match="model 'a' → 'b'"):
    parts.Folder(tmp_path / 't', ABOUT | {'model': 'b'})
  with pytest.raises(ValueError, match='more None → 1'):
    parts.Folder(tmp_path / 't', ABOUT | {'more': 1})


@pytest.mark.parametrize('change, words', [
    (lambda path: path.unlink(), 'is missing'),
    (lambda path: path.write_bytes(path.read_bytes()[:-1] + b'x'),
     'was changed')])
def test_a_changed_file_is_named(folder, tmp_path, change, words):
  change(tmp_path / 't' / 'part_00001' / 'wide.npy')
  with pytest.raises(ValueError, match=f'part_00001: wide.npy {words}'):
    folder.open(3)
  folder.write(1, columns(4, 1))
  assert len(folder.open(3)) == 8


def test_an_unreadable_record_is_named(folder, tmp_path):
  (tmp_path / 't' / 'about.json').write_text('{')
  with pytest.raises(ValueError, match='about.json cannot be read'):
    parts.Folder(tmp_path / 't', ABOUT)
