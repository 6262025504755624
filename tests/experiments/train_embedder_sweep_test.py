"""Six tiny embedders, learning rate × targets, one of them killed."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.fixtures import children, limits, tiny_training

pytestmark = pytest.mark.slow


def sweep(stores, folder, *words):
  # The words of a tiny run without its binary; they apply to every item.
  shared = tiny_training.command(stores, folder)[3:]
  return subprocess.Popen(
      [sys.executable, '-m', 'experiments.sweep', *shared, *words],
      cwd=tiny_training.ROOT, env=tiny_training.environment(), text=True,
      stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.long
def test_one_killed_and_run_again_the_table_is_whole(stores, tmp_path):
  running = sweep(stores, tmp_path, '--run_all')
  limits.wait_until(lambda: list(tmp_path.glob('002_*/lock.json')), 'item 2')
  os.kill(children.of(running.pid), signal.SIGKILL)
  _, errors = running.communicate(timeout=limits.SECONDS)
  assert running.returncode == 1 and 'failed items: 2;' in errors
  again = sweep(stores, tmp_path, '--run_all')
  assert again.communicate(timeout=limits.SECONDS) and again.returncode == 0
  collected = sweep(stores, tmp_path, '--collect')
  assert collected.communicate(timeout=limits.SECONDS)
  assert collected.returncode == 0
  table = json.loads((tmp_path / 'table.json').read_text())
  assert [row['state'] for row in table] == ['done'] * 6
  assert {(row['overrides']['optimizer.learning_rate'],
           row['overrides']['objective.targets.kind']) for row in table} == {
      (rate, kind) for rate in (3e-4, 1e-3, 3e-3) for kind in ('hard', 'soft')}
  assert all('validation_photo/geoscore' in row['figures'] for row in table)
