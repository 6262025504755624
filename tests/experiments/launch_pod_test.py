"""launch_pod as a user starts it, and two and four processes that train."""

import subprocess
import sys

import pytest

from tests.fixtures import limits
from tests.fixtures import tiny_training as tiny

COMMAND = ('--', 'train_embedder', '--config=train_embedder:quick',
           '--workdir=/mnt/shared/e')


def test_prints_and_runs_nothing(binary):
  done = binary('launch_pod', '--to=slurm', '--dry_run', *COMMAND)
  assert done.returncode == 0, done.stderr
  assert done.stdout.startswith('#!/usr/bin/env bash\n')
  # The command is as it was written: no path of this machine.
  assert '--config=train_embedder:quick --workdir=/mnt/shared/e' in done.stdout


@pytest.mark.parametrize('words, complaint', [
    (('--to=aws',), '--to=aws: choices are tpu, slurm, gke, local'),
    (('--to=slurm', '--zone=z'), '--zone=z: is not for --to=slurm'),
    (('--to=tpu',), '--zone is empty'),
])
def test_refused_with_one_line(binary, words, complaint):
  done = binary('launch_pod', *words, *COMMAND)
  assert done.returncode == 1 and not done.stdout
  assert complaint in done.stderr and done.stderr.count('\n') == 1


CONFIG = '''
from experiments.configs import train_embedder
BINARY = 'train_embedder'
get_config = train_embedder.get_config
def sweep():
  return [{'seed': 0}]
'''


def launched(processes, *words):
  return subprocess.run(
      [sys.executable, '-m', 'experiments.launch_pod', '--to=local',
       f'--processes={processes}', '--', *words], cwd=tiny.ROOT,
      env=tiny.environment(), text=True, capture_output=True,
      timeout=limits.SECONDS)


@pytest.mark.long
def test_four_train_as_one_and_two_run_an_item(stores, trained, tmp_path):
  done = launched(4, 'train_embedder',
                  *tiny.command(stores, tmp_path / 'four')[3:],
                  '--config.eval.max_queries=0')
  assert done.returncode == 0, done.stderr
  (tmp_path / 'swept.py').write_text(CONFIG)
  words = [word for word in tiny.command(stores, tmp_path / 'sweep')[3:]
           if not word.startswith('--config=')]
  done = launched(2, 'sweep', f'--config={tmp_path}/swept.py:quick', *words,
                  '--config.eval.max_queries=0')
  assert done.returncode == 0, done.stderr
  assert '0 of 1 items are missing' in done.stdout
  alone = tiny.losses(trained)
  for workdir in (tmp_path / 'four', tmp_path / 'sweep' / '000_seed-0'):
    for mine, other in zip(tiny.losses(workdir), alone, strict=True):
      assert mine[0] == other[0]
      assert float.fromhex(mine[1]) == pytest.approx(
          float.fromhex(other[1]), rel=1e-6)
