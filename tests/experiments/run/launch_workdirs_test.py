"""What is no folder to write to is refused in one line, naming the path."""

import os
import pathlib

from experiments.run import launch
import pytest


@pytest.mark.parametrize('path, reason', [
    ('gs://bucket/run', 'gs:// is no local folder'),
    ('s3:/bucket', 's3:// is no local folder'),
    ('x' * 300, 'File name too long'),
    ('a\0b', 'null byte'),
])
def test_what_no_disk_has(path, reason, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(ValueError, match=reason) as refused:
    launch.check_writable('workdir', pathlib.Path(path))
  assert '--workdir=' in str(refused.value) and '\n' not in str(refused.value)
  assert not list(tmp_path.iterdir())


def test_files_are_no_folders(tmp_path):
  (tmp_path / 'file').write_text('')
  for path in (tmp_path / 'file', tmp_path / 'file' / 'below' / 'it'):
    with pytest.raises(ValueError, match='file is a file, not a folder'):
      launch.check_writable('workdir', path)
  launch.check_writable('out', tmp_path / 'file')


def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch):
  # Root may write everywhere, so what the kernel says is replaced.
  monkeypatch.setattr(os, 'access', lambda path, mode: False)
  with pytest.raises(ValueError, match=f'{tmp_path} cannot be written to'):
    launch.check_writable('workdir', tmp_path / 'new' / 'run')


def test_folders_to_be_made_pass_and_are_not_made(tmp_path):
  launch.check_writable('workdir', tmp_path / 'new' / 'run')
  launch.check_writable('workdir', pathlib.Path('relative/run'))
  assert not list(tmp_path.iterdir())


def test_each_file_of_a_list_is_looked_at(monkeypatch, tmp_path, capsys):
  monkeypatch.chdir(tmp_path)
  called = []
  # Neither is too long by itself.
  out = f'{"a" * 200}.csv,{"b" * 200}.kml'
  launch._guarded(called.append, launch.Run(None, {'out': out}, None), True)
  assert len(called) == 1
  with pytest.raises(SystemExit):
    launch._guarded(called.append, launch.Run(
        None, {'out': 'a.csv,gs://bucket/a.kml'}, None), True)
  assert '--out=gs://bucket/a.kml' in capsys.readouterr().err
  assert len(called) == 1
