"""Extraction in processes of its own, killed and stopped at any point."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
from pinpoint_jax.features import verify
import pytest

from tests.features.extract_test import ROOT, content

pytestmark = pytest.mark.slow


def extraction(workdir, *more, rows=200, **kwargs):
  return subprocess.Popen(
      [sys.executable, '-m', 'experiments.extract_features',
       '--config=experiments/configs/extract_features.py:quick',
       f'--workdir={workdir}', '--config.backbone=thumbnail',
       '--config.shard_rows=4', '--config.batch_size=2',
       '--config.data.options.split=gallery_street',
       f'--config.data.max_rows={rows}', *more],
      cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
      **kwargs)


@pytest.fixture(scope='module')
def quiet(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('quiet')
  process = extraction(workdir)
  assert process.wait(120) == 0, process.stderr.read()
  return workdir


def wait_for_shards(workdir, count, process):
  folder = workdir / 'shards'
  while process.poll() is None and not (workdir / 'store').exists():
    if folder.is_dir() and len(list(folder.glob('0*'))) >= count:
      return
    time.sleep(0.005)


def test_killed_ten_times_it_ends_the_same(quiet, tmp_path):
  killed, rng, kills = tmp_path / 'killed', np.random.default_rng(0), 0
  for kill in range(10):
    process = extraction(killed)
    wait_for_shards(killed, 4 * kill + 1, process)
    time.sleep(float(rng.random()) * 0.02)
    process.kill()
    kills += process.wait() == -signal.SIGKILL
  assert kills == 10
  process = extraction(killed)
  assert process.wait(120) == 0, process.stderr.read()
  assert content(killed) == content(quiet)
  assert not list(killed.glob('.*tmp'))


def test_three_hosts_at_once_change_nothing(quiet, tmp_path):
  (tmp_path / 'run').mkdir()
  hosts = [extraction(tmp_path / 'run', '--config.num_hosts=3',
                      f'--config.host={host}') for host in range(3)]
  for host in hosts:
    assert host.wait(120) == 0, host.stderr.read()
  assert content(tmp_path / 'run') == content(quiet)
  assert not list((tmp_path / 'run').glob('.*tmp'))


def test_sigterm_to_all_processes_stops_like_one_to_the_first(tmp_path):
  # As a job manager sends it: the decode processes die of it too.
  process = extraction(tmp_path, '--config.processes=1', rows=400,
                       start_new_session=True)
  wait_for_shards(tmp_path, 2, process)
  os.killpg(process.pid, signal.SIGTERM)
  assert process.wait(60) == 143, process.stderr.read()
  assert 'run the same command to continue' in process.stderr.read()


def test_sigterm_stops_with_its_own_code_and_a_way_on(tmp_path):
  process = extraction(tmp_path)
  wait_for_shards(tmp_path, 2, process)
  process.send_signal(signal.SIGTERM)
  assert process.wait(60) == 143
  assert 'run the same command to continue' in process.stderr.read()
  process = extraction(tmp_path)
  assert process.wait(120) == 0
  assert verify.verify(tmp_path / 'store')['rows'] == 200
