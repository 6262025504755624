"""An index on disk is whole, and of the vectors it is asked for, or refused."""

import json
import os
import pathlib

from pinpoint_jax.disk import sealed
from pinpoint_jax.search import ann, ann_files
import pytest

from tests.fixtures import seals

SOURCE = ann_files.IndexSource(num_rows=3, dim=2, fingerprint='abc')
RECORD = ann_files.Record(
    'engine', '1.0', SOURCE, ann.Settings(4, soar_lambda=1.5))


def write(folder: pathlib.Path, content: bytes = b'some rows') -> None:
  def write_files(partial: pathlib.Path) -> None:
    (partial / 'rows.bin').write_bytes(content)
    (partial / 'inner').mkdir()
    (partial / 'inner' / 'more.bin').write_bytes(b'more')
  ann_files.write(folder, RECORD, write_files)


def test_what_was_written_is_read(tmp_path):
  write(tmp_path / 'index')
  assert ann_files.read(tmp_path / 'index', SOURCE) == RECORD
  assert os.listdir(tmp_path) == ['index']


def test_a_second_index_replaces_the_first(tmp_path):
  write(tmp_path / 'index')
  write(tmp_path / 'index', b'other rows')
  assert (tmp_path / 'index' / 'rows.bin').read_bytes() == b'other rows'
  assert os.listdir(tmp_path) == ['index']


def test_a_writer_that_fails_leaves_the_old_index(tmp_path):
  write(tmp_path / 'index')
  def fails(partial: pathlib.Path) -> None:
    (partial / 'rows.bin').write_bytes(b'half')
    raise RuntimeError('no')
  with pytest.raises(RuntimeError):
    ann_files.write(tmp_path / 'index', RECORD, fails)
  assert ann_files.read(tmp_path / 'index', SOURCE) == RECORD
  assert os.listdir(tmp_path) == ['index']


@pytest.mark.parametrize('name', ['rows.bin', 'inner/more.bin'])
def test_damage_is_named(tmp_path, name):
  write(tmp_path / 'index')
  path = tmp_path / 'index' / name
  content = path.read_bytes()
  for changed in (bytes([content[0] ^ 1]) + content[1:], content[:-1], b''):
    path.write_bytes(changed)
    with pytest.raises(ValueError, match=f'{name} (was changed|has)'):
      ann_files.read(tmp_path / 'index')
  path.unlink()
  with pytest.raises(ValueError, match=f'{name} is missing'):
    ann_files.read(tmp_path / 'index')


@pytest.mark.parametrize('source, message', [
    (ann_files.IndexSource(4, 2, 'abc'), 'num_rows 3, the gallery has 4'),
    (ann_files.IndexSource(3, 9, 'abc'), 'dim 2, the gallery has 9'),
    (ann_files.IndexSource(3, 2, 'xyz'),
     'fingerprint abc, the gallery has xyz'),
])
def test_an_index_of_other_vectors_is_refused(tmp_path, source, message):
  write(tmp_path / 'index')
  with pytest.raises(ValueError, match=message):
    ann_files.read(tmp_path / 'index', source)


def test_another_engine_is_refused(tmp_path):
  with pytest.raises(ValueError, match='by engine, not by scann'):
    ann_files.check_engine(tmp_path, RECORD, 'scann')


def test_unreadable_records(tmp_path):
  with pytest.raises(ValueError, match='index.json is missing'):
    ann_files.read(tmp_path)
  path = tmp_path / 'index.json'
  for text in ('{', '[]', '{}'):
    path.write_text(text)
    with pytest.raises(ValueError, match='index.json'):
      ann_files.read(tmp_path)


def test_a_file_that_is_not_vouched_for_is_refused(tmp_path):
  write(tmp_path / 'index')
  (tmp_path / 'index' / 'scann_docids.pkl').write_bytes(b'boo')
  with pytest.raises(ValueError, match='scann_docids.pkl is not'):
    ann_files.read(tmp_path / 'index')


def test_a_path_out_of_the_folder_is_refused(tmp_path):
  write(tmp_path / 'index')
  sums = {'../elsewhere': {'bytes': 1, 'xxh3_128': '0'}}
  seals.reseal(tmp_path / 'index', ann_files.KIND, files=sums)
  with pytest.raises(ValueError, match='files is .*elsewhere'):
    ann_files.read(tmp_path / 'index')


def test_an_index_from_before_sealed_folders_is_read(tmp_path):
  write(tmp_path / 'index')
  path = tmp_path / 'index' / 'index.json'
  entries = sealed.entries_of(json.loads(path.read_text()))
  sums, entries['made'] = entries.pop('files'), entries.pop('source')
  entries['checksums'] = {name: x['xxh3_128'] for name, x in sums.items()}
  path.write_text(json.dumps(entries))
  assert ann_files.read(tmp_path / 'index', SOURCE, read_all=True) == RECORD
  seals.flip(tmp_path / 'index' / 'rows.bin')
  with pytest.raises(ValueError, match='rows.bin was changed'):
    ann_files.read(tmp_path / 'index')
