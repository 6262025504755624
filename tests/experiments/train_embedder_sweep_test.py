"""Six tiny embedders, learning rate × targets, one of them killed."""

import json
import os
import signal
import subprocess
import sys
import time

from tests.fixtures import tiny_training


def sweep(stores, folder, *words):
  # The words of a tiny run without its binary; they apply to every item.
  shared = tiny_training.command(stores, folder)[3:]
  return subprocess.Popen(
      [sys.executable, '-m', 'experiments.sweep', *shared, *words],
      cwd=tiny_training.ROOT, env=tiny_training.environment(), text=True,
      stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_one_killed_and_run_again_the_table_is_whole(stores, tmp_path):
  running = sweep(stores, tmp_path, '--run_all')
  attempts = []
  for _ in range(2400):
    attempts = sorted(tmp_path.glob('002_*/attempt.json'))
    if attempts and (attempts[0].parent / 'lock.json').exists():
      break
    time.sleep(0.05)
  os.kill(json.loads(attempts[0].read_text())['pid'], signal.SIGKILL)
  _, errors = running.communicate(timeout=300)
  assert running.returncode == 1 and 'failed items: 2;' in errors
  again = sweep(stores, tmp_path, '--run_all')
  assert again.communicate(timeout=120) and again.returncode == 0
  collected = sweep(stores, tmp_path, '--collect')
  assert collected.communicate(timeout=60) and collected.returncode == 0
  table = json.loads((tmp_path / 'table.json').read_text())
  assert [row['state'] for row in table] == ['done'] * 6
  assert {(row['overrides']['optimizer.learning_rate'],
           row['overrides']['objective.targets.kind']) for row in table} == {
      (rate, kind) for rate in (3e-4, 1e-3, 3e-3) for kind in ('hard', 'soft')}
  assert all('validation_photo/geoscore' in row['figures'] for row in table)
