"""Two real processes, one device each, train as one with two devices."""

import signal

from pinpoint_jax.disk import lock
import pytest

from tests.fixtures import limits
from tests.fixtures import tiny_training as tiny

pytestmark = pytest.mark.slow
# More steps than the processes take to agree on stopping.
WORDS = ('--config.train.num_steps=24', '--config.eval.every=10',
         '--config.train.save_every=7')


def ended(children):
  """(exit code, output, errors) of each."""
  said = [child.communicate(timeout=limits.SECONDS) for child in children]
  return [(child.returncode, *text) for child, text in zip(children, said)]


def test_stopped_by_one_resumed_by_both(stores, tmp_path):
  whole = tmp_path / 'whole'
  assert tiny.run(stores, whole, *WORDS, devices=2).returncode == 0
  children = tiny.start_two(stores, tmp_path / 'w', *WORDS, pace='0.1')
  for line in children[0].stdout:
    if line.startswith('step 3/'):
      break
  # Any of them may be told; a later one tells that it is not the first only.
  children[1].send_signal(signal.SIGTERM)
  for code, _, errors in ended(children):
    assert code == tiny.STOPPED and 'it is saved' in errors, errors
  # They agree before every eighth step.
  assert tiny.steps(tmp_path / 'w')[-1] in (7, 15)
  for code, _, errors in ended(tiny.start_two(stores, tmp_path / 'w', *WORDS)):
    assert code == 0, errors
  tiny.assert_same_run(tmp_path / 'w', whole)


def test_only_the_first_process_writes(stores, tmp_path):
  (first, said, errors), (second, silent, _) = ended(
      tiny.start_two(stores, tmp_path, '--config.eval.every=0'))
  assert first == second == 0, errors
  assert f'step {tiny.STEPS}/' in said and 'step ' not in silent
  assert [step for step, *_ in tiny.losses(tmp_path)] == list(
      range(1, tiny.STEPS + 1))


def test_locked_to_one_locked_to_both(stores, tmp_path):
  with lock.hold(tmp_path):
    first, second = ended(tiny.start_two(stores, tmp_path))
  assert first[0] == second[0] == 1
  assert first[2].startswith(f'error: workdir {tmp_path} is locked by pid ')
  assert 'error: process 0 could not go on: its own error' in second[2]
  assert 'Traceback' not in second[2]
  assert [path.name for path in tmp_path.iterdir()] == [lock.NAME]
