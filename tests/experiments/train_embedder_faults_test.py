"""Broken files, full disks, diverging runs, two runs in one workdir."""

import json
import shutil

from input_pipeline import order
import numpy as np
from pinpoint_jax.features import rows as rows_lib
import pytest

from tests.fixtures import limits
from tests.fixtures import tiny_training as tiny

pytestmark = pytest.mark.slow
# Above the metric log and the run record, below a checkpoint's parts.
LIMIT_KB = 16


def test_flipped_bit_in_the_newest_checkpoint(stores, trained, tmp_path):
  workdir = shutil.copytree(trained, tmp_path / 'w')
  assert tiny.steps(workdir) == [2, 4, 6]
  broken = max(workdir.glob('checkpoints/6/state/ocdbt.process_0/d/*'),
               key=lambda path: path.stat().st_size)
  raw = bytearray(broken.read_bytes())
  raw[len(raw) // 2] ^= 1
  broken.write_bytes(raw)
  done = tiny.run(stores, workdir)
  assert done.returncode == 0, done.stderr
  assert 'WARNING: checkpoint damaged, step 4 is taken instead' in done.stderr
  place = workdir / 'checkpoints' / '6'
  assert f'{place}: {broken.relative_to(place)} was changed' in done.stderr
  assert 'after step 4' in done.stdout
  tiny.assert_same_run(workdir, trained)


def test_second_run_in_a_workdir(stores, trained, tmp_path):
  holder = tiny.start(tiny.command(stores, tmp_path, module=tiny.SIGNALLED),
                      tiny.environment(PACE='20'))
  for line in holder.stdout:
    if line.startswith('step 1/'):
      break
  before = [(tmp_path / n).read_text() for n in ('run.json', 'config.txt')]
  second = tiny.run(stores, tmp_path)
  assert second.returncode == 1 and second.stderr.count('\n') == 1
  assert f'is locked by pid {holder.pid} on ' in second.stderr
  assert before == [(tmp_path / n).read_text()
                    for n in ('run.json', 'config.txt')]
  holder.kill()
  holder.communicate(timeout=limits.SECONDS)
  done = tiny.run(stores, tmp_path)
  assert done.returncode == 0, done.stderr
  tiny.assert_same_run(tmp_path, trained)


def test_loss_that_is_not_finite(stores, tmp_path):
  done = tiny.run(stores, tmp_path, '--config.optimizer.learning_rate=1e30',
                  '--config.optimizer.clip=1e30', '--config.eval.every=0',
                  '--config.train.save_every=1')
  path = tmp_path / 'not_finite_0.json'
  assert done.returncode == 1 and done.stderr.count('\n') == 1, done.stderr
  said = json.loads(path.read_text())
  step = said['step']
  assert done.stderr.startswith(f'error: step {step}: ')
  assert str(path) in done.stderr and 'loss' in done.stderr
  assert tiny.steps(tmp_path)[-1] == step - 1 > 0
  assert said['batch'] == {s: batch_ids(stores, s, step) for s in tiny.SOURCES}


def batch_ids(stores, source, step):
  """Ids of a step's batch, by the definition of the order."""
  result = rows_lib.open_rows([stores[source].partition('=')[2]]).photos.ids
  early = result[~rows_lib.held_out(result, 10.0)]
  at = order.Order(len(early), 0).rows(np.arange(32 * (step - 1), 32 * step))
  return early[at].tolist()


def test_full_disk_in_a_checkpoint(stores, trained, tmp_path):
  limited = ['bash', '-c', f'ulimit -f {LIMIT_KB}; exec "$@"', 'bash',
             *tiny.command(stores, tmp_path)]
  with tiny.start(limited, tiny.environment()) as child:
    errors = child.communicate(timeout=limits.SECONDS)[1]
  # Tensorstore prints tracebacks of its own for the later of many writes.
  result = [line for line in errors.splitlines() if line.startswith('error: ')]
  assert child.returncode == 1 and len(result) == 1, errors
  assert f'{tmp_path}/checkpoints/2 cannot be written: ' in result[0]
  assert 'bytes are needed' in result[0] and not tiny.steps(tmp_path)
  done = tiny.run(stores, tmp_path)
  assert done.returncode == 0, done.stderr
  tiny.assert_same_run(tmp_path, trained)
