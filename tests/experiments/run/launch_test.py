"""Bad config words stop a binary before it does or writes anything."""

import subprocess
import sys

import pytest

from tests.fixtures import limits, tiny_training

CONFIG = '--config=experiments/configs/demo.py:quick'


@pytest.mark.parametrize('word, complaint', [
    ('--config.jbs=3', "no key 'jbs'; did you mean --config.jobs"),
    ('--config.jobs=two', '--config.jobs=two'),
    ('--config.jobs=2.5', '--config.jobs=2.5'),
    ('config.jobs=3', 'did you mean --config.jobs=3'),
    ('--confg=x', 'Did you mean: config'),
    ('--config.a.b=1', "no key 'a.b'"),
])
def test_refused_before_any_work(binary, tmp_path, word, complaint):
  done = binary('demo', CONFIG, f'--workdir={tmp_path / "w"}', word)
  assert done.returncode == 2, done.stdout
  assert complaint in done.stderr
  assert done.stderr.count('\n') == 1
  assert not (tmp_path / 'w').exists()


def test_nan_is_refused(binary, tmp_path):
  config = tmp_path / 'c.py'
  config.write_text(
      'from ml_collections import config_dict\n'
      'def get_config(arg=None):\n'
      '  return config_dict.ConfigDict({"lr": 0.1, "seed": 0})\n')
  done = binary('demo', f'--config={config}', f'--workdir={tmp_path / "w"}',
                '--config.lr=nan')
  assert done.returncode == 2
  assert '--config.lr=nan: must be a finite number' in done.stderr
  assert not (tmp_path / 'w').exists()


@pytest.mark.parametrize('words, complaint', [
    ((CONFIG,), '--workdir is required'),
    (('--workdir=w',), '--config is required'),
    (('--config=nowhere.py', '--workdir=w'), 'train_embedder'),
    (('--config=experiments/configs/demo.py:quik', '--workdir=w'),
     "nearest is 'quick'"),
])
def test_what_is_missing_is_named(binary, words, complaint):
  done = binary('demo', *words)
  assert done.returncode == 2
  assert complaint in done.stderr
  assert done.stderr.count('\n') == 1


def test_pinpoint_command_names_its_commands(binary):
  done = binary('cli', 'evalute')
  assert done.returncode == 2 and 'evaluate' in done.stderr


_WHILE_GARBAGE_IS_COLLECTED = """
import gc, os, signal, time
from experiments.run import launch
launch.exit_on_signals()
def collect(phase, info):
  os.kill(os.getpid(), signal.SIGTERM)
  time.sleep(.01)
  gc.callbacks.clear()
gc.callbacks.append(collect)
gc.collect()
time.sleep(60)
"""


@pytest.mark.slow
def test_a_signal_that_meets_the_garbage_collector_is_not_lost():
  done = subprocess.run(
      [sys.executable, '-c', _WHILE_GARBAGE_IS_COLLECTED], text=True,
      capture_output=True, cwd=tiny_training.ROOT, timeout=limits.SECONDS,
      env=tiny_training.environment())
  assert done.returncode == 143
  assert done.stderr == 'stopped by SIGTERM\n'
