"""Extraction in processes of its own, killed and stopped at any point."""

import json
import os
import signal
import subprocess
import sys
import time

from input_pipeline.picture_earth import dataset as synthetic
import numpy as np
from pinpoint_jax.disk import lock
from pinpoint_jax.features import verify
import pytest

from tests.features.extract_test import ROOT, content
from tests.fixtures import limits

pytestmark = pytest.mark.slow


def extraction(workdir, *more, rows=200, **kwargs):
  return extraction_of(
      workdir, ':quick', '--config.data.options.split=gallery_street',
      f'--config.data.max_rows={rows}', *more, **kwargs)


def extraction_of(workdir, argument, *more, **kwargs):
  return subprocess.Popen(
      [sys.executable, '-m', 'experiments.extract_features',
       f'--config=experiments/configs/extract_features.py{argument}',
       f'--workdir={workdir}', '--config.backbone=thumbnail',
       '--config.shard_rows=4', '--config.batch_size=2', *more],
      cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
      **kwargs)


@pytest.fixture(scope='module')
def quiet(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('quiet')
  process = extraction(workdir)
  assert process.wait(limits.SECONDS) == 0, process.stderr.read()
  return workdir


def wait_for_shards(workdir, count, process):
  folder = workdir / 'shards'
  while process.poll() is None and not (workdir / 'store').exists():
    if folder.is_dir() and len(list(folder.glob('0*'))) >= count:
      return
    time.sleep(0.005)


@pytest.mark.long
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
  assert process.wait(limits.SECONDS) == 0, process.stderr.read()
  assert content(killed) == content(quiet)
  assert not list(killed.glob('.*tmp'))


def test_three_hosts_at_once_change_nothing(quiet, tmp_path):
  (tmp_path / 'run').mkdir()
  hosts = [extraction(tmp_path / 'run', '--config.num_hosts=3',
                      f'--config.host={host}') for host in range(3)]
  for host in hosts:
    assert host.wait(limits.SECONDS) == 0, host.stderr.read()
  assert content(tmp_path / 'run') == content(quiet)
  assert not list((tmp_path / 'run').glob('.*tmp'))


def test_sigterm_to_all_processes_stops_like_one_to_the_first(tmp_path):
  # As a job manager sends it: the decode processes die of it too.
  process = extraction(tmp_path, '--config.processes=1', rows=400,
                       start_new_session=True)
  wait_for_shards(tmp_path, 2, process)
  os.killpg(process.pid, signal.SIGTERM)
  assert process.wait(limits.SECONDS) == 143, process.stderr.read()
  assert 'run the same command to continue' in process.stderr.read()


def test_sigterm_stops_with_its_own_code_and_a_way_on(tmp_path):
  process = extraction(tmp_path)
  wait_for_shards(tmp_path, 2, process)
  process.send_signal(signal.SIGTERM)
  assert process.wait(limits.SECONDS) == 143
  assert 'run the same command to continue' in process.stderr.read()
  process = extraction(tmp_path)
  assert process.wait(limits.SECONDS) == 0
  assert verify.verify(tmp_path / 'store')['rows'] == 200


def test_a_second_process_in_one_workdir_is_refused_at_once(tmp_path, binary):
  with lock.hold(tmp_path / 'one'), lock.hold(tmp_path / 'two/hosts/1'):
    for workdir, words in (('one', ()), ('two', ('--config.num_hosts=2',
                                                 '--config.host=1'))):
      done = extraction(tmp_path / workdir, *words)
      _, complaint = done.communicate(timeout=limits.SECONDS)
      assert done.returncode == 1
      assert f'is locked by pid {os.getpid()} on ' in complaint
      assert complaint.count('\n') == 1
      assert not (tmp_path / workdir / 'shards').exists()  # No work was done.
    process = extraction(tmp_path / 'two', '--config.num_hosts=2')
    assert process.wait(limits.SECONDS) == 0, process.stderr.read()


def test_a_photo_that_goes_while_it_runs_is_quarantined_and_resumed(
    tmp_path):
  root = synthetic.picture_earth('tiny').write_folder(
      tmp_path / 'data', 'query_photo_new', processes=1)
  secret = tmp_path / 'secret.txt'
  secret.write_text('SECRET')
  words = ('', '--config.data.name=folder', f'--config.data.root={root}',
           '--config.processes=0')
  first, second = sorted(root.glob('*.jpg'))[-2:]
  process = extraction_of(tmp_path / 'w', *words)
  wait_for_shards(tmp_path / 'w', 1, process)
  process.send_signal(signal.SIGTERM)
  assert process.wait(limits.SECONDS) == 143
  first.unlink()
  second.unlink()
  second.symlink_to(secret)
  process = extraction_of(tmp_path / 'w', *words)
  _, printed = process.communicate(timeout=limits.SECONDS)
  assert process.returncode == 0, printed
  assert 'SECRET' not in printed
  text = (tmp_path / 'w' / 'store' / 'quarantine.jsonl').read_text()
  entries = [json.loads(line) for line in text.splitlines()]
  assert [(entry['id'], entry['reason']) for entry in entries] == [
      (first.name, 'unreadable'), (second.name, 'unreadable')]
  assert 'SECRET' not in text
