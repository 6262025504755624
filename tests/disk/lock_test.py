"""One writer per workdir, against real processes."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

from pinpoint_jax.disk import lock
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
_HOLDER = '''
import pathlib, sys, time
from pinpoint_jax.disk import lock
with lock.hold(pathlib.Path(sys.argv[1])):
  print('held', flush=True)
  sys.stdin.read()
'''


@pytest.fixture
def holder(tmp_path):
  process = subprocess.Popen(
      [sys.executable, '-c', _HOLDER, str(tmp_path)], cwd=ROOT,
      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
  assert process.stdout.readline() == 'held\n'
  yield process
  process.kill()
  process.communicate()


def test_second_process_is_refused_and_told_who_holds(holder, tmp_path):
  with pytest.raises(ValueError) as refused:
    with lock.hold(tmp_path):
      pass
  start = (f'workdir {tmp_path} is locked by pid {holder.pid} on '
           f'{socket.gethostname()} since 20')
  assert str(refused.value).startswith(start)
  assert '\n' not in str(refused.value)


def test_lock_of_killed_holder_is_free(holder, tmp_path):
  os.kill(holder.pid, signal.SIGKILL)
  holder.wait()
  with lock.hold(tmp_path):
    held = json.loads((tmp_path / lock.NAME).read_text())
  assert held['pid'] == os.getpid()


def test_lock_is_free_after_the_holder_ends(holder, tmp_path):
  holder.communicate('')
  for _ in range(2):
    with lock.hold(tmp_path):
      pass


def test_refused_process_leaves_the_holder_named(holder, tmp_path):
  for _ in range(2):
    with pytest.raises(ValueError, match=f'by pid {holder.pid} on'):
      with lock.hold(tmp_path):
        pass


def test_holder_that_has_not_written_yet(holder, tmp_path):
  (tmp_path / lock.NAME).write_text('')
  with pytest.raises(ValueError, match='a process that is just starting'):
    with lock.hold(tmp_path):
      pass


def test_folder_is_made(tmp_path):
  with lock.hold(tmp_path / 'new' / 'run'):
    assert (tmp_path / 'new' / 'run' / lock.NAME).exists()
