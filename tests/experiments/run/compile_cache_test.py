"""Compiled programs are kept where they may be, and only so many."""

import os
import pathlib
import subprocess
import sys

from experiments.run import compile_cache
import pytest

_JAX = 'JAX_COMPILATION_CACHE_DIR'


@pytest.fixture
def set_to(monkeypatch, tmp_path):
  """What jax would be told; nothing of it reaches this process."""
  told = {}
  monkeypatch.setattr(compile_cache, '_set', told.update)
  monkeypatch.delenv(_JAX)
  monkeypatch.delenv(compile_cache.ENV, raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  return told


def test_they_lie_in_the_users_cache(set_to, tmp_path):
  compile_cache.begin()
  folder = pathlib.Path(set_to['jax_compilation_cache_dir'])
  assert folder.parent == tmp_path / 'cache' / 'pinpoint_jax' / 'compiled'
  assert folder.is_dir() and folder == compile_cache.default_folder()


def test_a_folder_of_ones_own(set_to, tmp_path, monkeypatch):
  monkeypatch.setenv(compile_cache.ENV, str(tmp_path / 'mine'))
  compile_cache.begin()
  assert set_to['jax_compilation_cache_dir'] == str(tmp_path / 'mine')


@pytest.mark.parametrize('name, value', [
    (compile_cache.ENV, 'off'), (_JAX, 'somewhere')])
def test_off_and_jaxs_own_setting_are_left_alone(set_to, monkeypatch, name,
                                                 value):
  monkeypatch.setenv(name, value)
  compile_cache.begin()
  assert not set_to


def test_a_folder_that_cannot_be_made_is_a_note(set_to, tmp_path, monkeypatch,
                                                capsys):
  (tmp_path / 'file').touch()
  monkeypatch.setenv(compile_cache.ENV, str(tmp_path / 'file' / 'below'))
  compile_cache.begin()
  line, = capsys.readouterr().err.splitlines()
  assert not set_to and 'are not kept' in line and 'below' in line


def test_those_unused_for_longest_go_and_nothing_else(tmp_path):
  for age, name in enumerate(['new-cache', 'old-cache', 'oldest-cache']):
    path = tmp_path / name
    path.write_bytes(bytes(10))
    os.utime(path, (1000 - age, 1000 - age))
  (tmp_path / 'notes.txt').write_bytes(bytes(100))
  os.utime(tmp_path / 'notes.txt', (1, 1))
  # Read again since: not the oldest any more.
  os.utime(tmp_path / 'old-cache', (2000, 999))
  compile_cache.bound(tmp_path, 20)
  assert sorted(path.name for path in tmp_path.iterdir()) == [
      'new-cache', 'notes.txt', 'old-cache']


@pytest.mark.slow
def test_a_second_process_finds_what_the_first_compiled(tmp_path):
  code = ('from experiments.run import compile_cache; import jax; '
          'compile_cache._LEAST_S = 0; compile_cache.begin(); '
          'from jax._src import monitoring; seen = []; '
          'monitoring.register_event_listener(lambda e, **_: seen.append(e)); '
          'jax.jit(lambda x: x * 3 + 1)(2.); '
          'print("/jax/compilation_cache/cache_hits" in seen)')
  env = {k: v for k, v in os.environ.items() if not k.startswith(
      ('JAX_COMP', 'JAX_PERS', 'PINPOINT'))} | {'XDG_CACHE_HOME': str(tmp_path)}
  said = [subprocess.run([sys.executable, '-c', code], env=env, text=True,
                         capture_output=True, check=True).stdout.strip()
          for _ in range(2)]
  assert said == ['False', 'True']
