"""Files appear whole: until then the old one is there, to the byte."""

import errno

from pinpoint_jax.disk import files
import pytest


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
  path = tmp_path / 'a'
  path.write_bytes(b'old')
  with path.open('rb') as reader, files.atomic(path) as file:
    file.write(b'new')
    file.flush()
    assert path.read_bytes() == b'old'
    partial, = (x for x in tmp_path.iterdir() if x != path)
    assert partial.read_bytes() == b'new'
    assert reader.read() == b'old'
  assert path.read_bytes() == b'new'
  assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_changes_nothing(tmp_path):
  path = tmp_path / 'a'
  path.write_bytes(b'old')
  with pytest.raises(RuntimeError), files.atomic(path) as file:
    file.write(b'ne')
    raise RuntimeError
  assert path.read_bytes() == b'old'
  assert list(tmp_path.iterdir()) == [path]


def test_an_open_reader_keeps_the_file_that_was_replaced(tmp_path):
  path = tmp_path / 'a'
  path.write_bytes(b'old')
  with path.open('rb') as reader:
    with files.atomic(path) as file:
      file.write(b'new')
    assert reader.read() == b'old'


def test_of_several_writers_at_once_the_first_stays(tmp_path):
  path = tmp_path / 'a'
  files.write_json_once(path, {'writer': 1})
  files.write_json_once(path, {'writer': 2})
  assert path.read_text() == '{\n "writer": 1\n}\n'
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('links', [True, False])
def test_a_file_that_is_there_stays_unless_replaced(
    tmp_path, monkeypatch, links):
  def no_link(*_):
    raise OSError(errno.EPERM, 'no hard links here')
  if not links:
    monkeypatch.setattr(files.os, 'link', no_link)
  path = tmp_path / 'a'
  for text, kept in ((b'first', b'first'), (b'second', b'first')):
    try:
      with files.atomic(path, replace=False) as file:
        file.write(text)
    except FileExistsError:
      assert text == b'second'
    assert path.read_bytes() == kept
  assert list(tmp_path.iterdir()) == [path]
