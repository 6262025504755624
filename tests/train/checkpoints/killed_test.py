"""Runs that are killed while they save, or that fill the disk."""

from concurrent import futures
import pathlib
import random
import runpy
import subprocess
import sys
import time

import numpy as np
from pinpoint_jax.train.checkpoints import manager
import pytest

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parents[3]
LOOP = pathlib.Path(__file__).parents[2] / 'fixtures' / 'saving_loop.py'
content = runpy.run_path(str(LOOP))['content']


def start(folder: pathlib.Path, *args: int) -> subprocess.Popen:
  return subprocess.Popen(
      [sys.executable, str(LOOP), str(folder), *map(str, args)], cwd=ROOT,
      env={'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu', 'HOME': '/tmp'},
      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_one(folder: pathlib.Path, saves: int, delay: float) -> bool:
  """Kills one run and checks what it left; whether there were leftovers."""
  child = start(folder, 10_000)
  said = ''.join(child.stdout.readline() for _ in range(1 + saves))
  assert said.startswith('open')
  time.sleep(delay)
  child.kill()
  rest, complained = child.communicate()
  said += rest
  assert complained == ''
  promised = [int(line.split()[1]) for line in said.splitlines(keepends=True)
              if line.startswith('saved') and line.endswith('\n')]
  interrupted = len(list(folder.iterdir())) > 1
  check(folder, promised)
  return interrupted


def check(folder: pathlib.Path, promised: list[int]) -> None:
  opened = manager.Checkpoints(folder, manager.Keep(last=1))
  assert all(path.name.isdecimal() for path in folder.iterdir())
  restored = opened.restore(content(0))
  opened.close()
  if restored is None:
    assert not promised
    return
  # A step may be committed whose line was not printed any more.
  assert restored.step - max(promised, default=restored.step) in (0, 1)
  assert (restored.data, restored.warnings) == ({'step': restored.step}, ())
  np.testing.assert_array_equal(
      restored.state['kernel'], content(restored.step)['kernel'])


def kill_ten(folder: pathlib.Path, seed: int) -> int:
  chance = random.Random(seed)
  folder.mkdir()
  return sum(kill_one(folder, chance.randrange(3), chance.uniform(0, .3))
             for _ in range(10))


def test_killed_at_any_time_the_last_committed_step_is_there(tmp_path):
  with futures.ThreadPoolExecutor(2) as pool:
    interrupted = sum(pool.map(
        kill_ten, [tmp_path / 'a', tmp_path / 'b'], [0, 1]))
  assert interrupted, 'no kill hit a save: the delays test nothing'


def test_full_disk_is_named_and_a_rerun_goes_on(tmp_path):
  start(tmp_path, 2).communicate()
  said, complained = start(tmp_path, 3, 10_000).communicate()
  assert said == 'open 3\nsaved 3\n'  # The next save hears of it.
  # Not the last line: at exit Orbax may drop a coroutine with a complaint.
  last = [line for line in complained.splitlines()
          if line.startswith('OSError: ')][-1]
  assert last.startswith(
      f'OSError: [Errno 27] {tmp_path}/3 cannot be written: File too large, at '
      f'least 16,388 bytes are needed, ')
  assert 'bytes are free there' in last
  assert 'absl' not in complained and 'ERROR' not in complained
  assert [path.name for path in tmp_path.iterdir()] == ['2']
  said, complained = start(tmp_path, 1).communicate()
  assert (said, complained) == ('open 3\nsaved 3\n', '')
