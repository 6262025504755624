"""Sealed folders: every changed byte is refused before it is used."""

import dataclasses
import json
import os
import random
import time

import numpy as np
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import sealed, verified
import pytest


class BadBox(ValueError):
  pass


BOX = sealed.Kind('box', BadBox, 'pack the box again',
                  {'version': int, 'rows': int, 'files': dict}, ('notes',),
                  versions=(1,))
NUMBERS = np.arange(6, dtype='<i4')


@pytest.fixture
def box(tmp_path):
  write(tmp_path / 'box')
  return tmp_path / 'box'


def write(folder, rows=6, replace=False):
  with sealed.writing(folder) as draft:
    draft.write('numbers.i32.bin', NUMBERS.tobytes())
    (draft.path / 'inner').mkdir()
    (draft.path / 'inner/engine').write_bytes(b'written by another program')
    draft.publish(folder, BOX, {'version': 1, 'rows': rows}, replace)


def flip(path, byte, bit=0):
  data = bytearray(path.read_bytes())
  data[byte] ^= 1 << bit
  path.write_bytes(data)


def use(folder):
  """Everything that a reader may take from a folder."""
  manifest, files = sealed.open_files(folder, BOX)
  array = files.array('numbers.i32.bin', '<i4', (manifest['rows'],))
  return manifest['rows'], array.tolist(), files.read('inner/engine')


def test_what_was_written_is_read(box):
  assert use(box) == (6, [0, 1, 2, 3, 4, 5], b'written by another program')
  manifest, files = sealed.open_files(box, BOX)
  assert sealed.is_sealed(manifest) and not files.unexpected()
  assert manifest['files']['inner/engine'] == {
      'bytes': 26, 'xxh3_128': disk.checksum(box / 'inner/engine')}
  files.verify()


def test_every_flipped_bit_is_refused_or_changes_nothing(box):
  sound = use(box)
  draw = random.Random(0)
  places = [(name, byte) for name in sealed.file_names(box)
            for byte in range((box / name).stat().st_size)]
  refused = 0
  for name, byte in draw.sample(places, 200):
    bit = draw.randrange(8)
    flip(box / name, byte, bit)
    try:
      assert use(box) == sound, (name, byte, bit)
    except BadBox as error:
      refused += 1
      assert '\n' not in str(error) and name.split('/')[0] in str(error)
    flip(box / name, byte, bit)
  # The rest are spaces of the manifest, and bits of NaN-free JSON.
  assert refused > 150


@pytest.mark.parametrize('damage, message', [
    (lambda entries: entries.pop('rows'), r"\['rows'\] are missing"),
    (lambda entries: entries.update(more=1), r"\['more'\] are unknown"),
    (lambda entries: entries.update(rows='6'), "rows is '6'"),
    (lambda entries: entries.update(version=2), 'version 2, this program'),
    (lambda entries: entries['files'].update(
        {'../a': {'bytes': 1, 'xxh3_128': ''}}), 'files is'),
    (lambda entries: entries['files']['inner/engine'].pop('bytes'),
     'files is')])
def test_a_manifest_of_another_form_is_refused(box, damage, message):
  entries = sealed.entries_of(sealed.read_manifest(box, BOX))
  damage(entries)
  sealed.write_manifest(box, BOX, entries)
  with pytest.raises(BadBox, match=f'manifest.json: .*{message}.*pack the box'):
    sealed.read_manifest(box, BOX)


@pytest.mark.parametrize('text', [
    b'', b'{', b'[1]', b'\xff', b'[' * 100_000, b'{"a": ' + b'9' * 5000 + b'}'])
def test_a_manifest_that_is_no_json_object_is_refused(box, text):
  (box / 'manifest.json').write_bytes(text)
  with pytest.raises(BadBox, match='manifest.json: .*pack the box again'):
    sealed.read_manifest(box, BOX)


def test_a_manifest_from_before_checksums_is_read(box):
  entries = sealed.entries_of(sealed.read_manifest(box, BOX))
  disk.write_json(box / 'manifest.json', entries)
  assert not sealed.is_sealed(sealed.read_manifest(box, BOX))
  assert use(box)[0] == 6
  # A checksum whose name was hit does not make a manifest an old one.
  disk.write_json(box / 'manifest.json', {**entries, 'manifest_xxh3_129': ''})
  with pytest.raises(BadBox, match='manifest_xxh3_129'):
    use(box)


def test_files_are_checked_where_a_manifest_need_not_have_them(box):
  kind = dataclasses.replace(BOX, needed={'version': int},
                             optional=('rows', 'notes', 'files'))
  entries = sealed.read_manifest(box, kind)
  sealed.write_manifest(box, kind, entries | {'files': {'../a': {}}})
  with pytest.raises(BadBox, match='files is'):
    sealed.read_manifest(box, kind)


@pytest.mark.parametrize('name', [
    '', '/a', '../a', 'a/../../b', 'a//b', '.hidden', 'a/.b', 'a\\b', 'a\0',
    7])
def test_names_that_leave_the_folder_are_not_safe(name):
  assert not sealed.is_safe(name) and sealed.is_safe('a/b.bin')


def test_a_missing_manifest_is_named(box):
  (box / 'manifest.json').unlink()
  with pytest.raises(BadBox, match='box is no box, or was not finished; pack'):
    use(box)


def test_a_size_other_than_expected_is_refused_at_once(box):
  manifest, files = sealed.open_files(box, BOX)
  with pytest.raises(BadBox, match='i32.bin has 24 bytes, expected 28'):
    files.check_sizes({'numbers.i32.bin': 28})
  with pytest.raises(BadBox, match='more is not in the manifest'):
    files.check_sizes({'more': 1})
  (box / 'inner/engine').write_bytes(b'')
  with pytest.raises(BadBox, match='inner/engine has 0 bytes, expected 26'):
    sealed.open_files(box, BOX)
  (box / 'inner/engine').unlink()
  with pytest.raises(BadBox, match='inner/engine is missing'):
    sealed.open_files(box, BOX)


@pytest.fixture
def reads(monkeypatch):
  """Names of files that are read to verify them; nothing is too young."""
  names = []
  monkeypatch.setattr(verified, '_SETTLED_NS', 0)
  monkeypatch.setattr(verified, '_stamps', set())
  checksum = disk.checksum
  def counted(path):
    names.append(path.name)
    return checksum(path)
  monkeypatch.setattr(disk, 'checksum', counted)
  return names


def forget(monkeypatch):
  """As if another process began."""
  monkeypatch.setattr(verified, '_stamps', set())


def numbers(box):
  return sealed.open_files(box, BOX)[1].path('numbers.i32.bin')


def test_a_verified_file_is_not_read_again(box, reads, monkeypatch):
  numbers(box), numbers(box)
  assert reads == ['numbers.i32.bin']
  forget(monkeypatch)
  numbers(box)
  assert reads == ['numbers.i32.bin']
  sealed.open_files(box, BOX)[1].verify()
  assert reads[1:] == ['engine', 'numbers.i32.bin']


@pytest.mark.parametrize('change', ['content', 'content and time', 'manifest',
                                    'copy', 'cache'])
def test_the_cache_is_not_believed_when_anything_changed(
    box, tmp_path, reads, monkeypatch, change):
  stat = numbers(box).stat()
  forget(monkeypatch)
  if change.startswith('content'):
    flip(box / 'numbers.i32.bin', 3)
    if change.endswith('time'):
      os.utime(box / 'numbers.i32.bin', ns=(stat.st_atime_ns, stat.st_mtime_ns))
  elif change == 'manifest':
    entries = sealed.read_manifest(box, BOX)
    entries['files']['numbers.i32.bin']['xxh3_128'] = '0' * 32
    sealed.write_manifest(box, BOX, entries)
  elif change == 'copy':
    (box / 'numbers.i32.bin').rename(tmp_path / 'old')
    data = bytearray((tmp_path / 'old').read_bytes())
    (box / 'numbers.i32.bin').write_bytes(bytes(len(data)))
    os.utime(box / 'numbers.i32.bin', ns=(stat.st_atime_ns, stat.st_mtime_ns))
  else:
    cache = json.loads((box / sealed.CACHE).read_text())
    flip(box / 'numbers.i32.bin', 3)
    wanted = sealed.read_manifest(box, BOX)['files']['numbers.i32.bin']
    cache['stamps']['numbers.i32.bin'] = (
        verified.state(box / 'numbers.i32.bin') + f' {wanted["xxh3_128"]}')
    (box / sealed.CACHE).write_text(json.dumps(cache))
  with pytest.raises(BadBox, match='numbers.i32.bin was changed'):
    numbers(box)


def mapped(box):
  files = sealed.open_files(box, BOX)[1]
  return sealed.MappedFile(files, 'numbers.i32.bin', '<i4', (6,))


def test_a_mapped_file_outlives_its_name_and_is_verified(box):
  sound = mapped(box)
  (box / 'numbers.i32.bin').unlink()
  np.testing.assert_array_equal(sound.array, NUMBERS)


def test_a_mapped_file_that_was_changed_is_refused(box, reads, monkeypatch):
  numbers(box)
  late = mapped(box)
  flip(box / 'numbers.i32.bin', 3)
  with pytest.raises(BadBox, match='numbers.i32.bin was changed'):
    print(late.array)
  early = mapped(box)
  (box / 'numbers.i32.bin').unlink()
  with pytest.raises(BadBox, match='numbers.i32.bin was changed'):
    print(early.array)
  (box / 'numbers.i32.bin').write_bytes(NUMBERS.tobytes())
  with pytest.raises(BadBox, match='numbers.i32.bin was changed'):
    print(early.array)


def test_a_file_that_may_still_change_unseen_is_not_cached(
    box, reads, monkeypatch):
  now = (box / 'numbers.i32.bin').stat().st_ctime_ns
  monkeypatch.setattr(verified, '_SETTLED_NS', 10**9)
  monkeypatch.setattr(time, 'time_ns', lambda: now + 10**9)
  numbers(box), numbers(box)
  assert len(reads) == 2 and not (box / sealed.CACHE).exists()
  monkeypatch.setattr(time, 'time_ns', lambda: now + 10**9 + 1)
  numbers(box), numbers(box)
  assert len(reads) == 3 and (box / sealed.CACHE).exists()


def test_a_read_only_folder_is_verified_by_each_process(
    box, reads, monkeypatch):
  def refused(*_):
    raise PermissionError
  monkeypatch.setattr(disk, 'write_json', refused)
  numbers(box), numbers(box)
  forget(monkeypatch)
  numbers(box)
  assert reads == ['numbers.i32.bin'] * 2


def test_a_folder_stays_unless_it_is_to_be_replaced(box, tmp_path):
  write(box)  # The same again.
  with pytest.raises(BadBox, match='is there already and differs: remove it'):
    write(box, rows=5)
  assert use(box)[0] == 6
  write(box, rows=5, replace=True)
  assert use(box)[0] == 5
  assert list(tmp_path.iterdir()) == [box]


def test_a_draft_that_fails_leaves_nothing(tmp_path):
  with pytest.raises(RuntimeError), sealed.writing(tmp_path / 'box') as draft:
    draft.write('a', b'1')
    raise RuntimeError
  with sealed.writing(tmp_path / 'box') as draft:
    draft.write('a', b'1')
  assert not list(tmp_path.iterdir())
