"""Real processes train as one with all their devices."""

import signal

import numpy as np
from pinpoint_jax.disk import lock
import pytest

from tests.fixtures import tiny_training as tiny
from tests.fixtures.processes import ended, kill_at

pytestmark = pytest.mark.slow
# More steps than the processes take to agree on stopping.
WORDS = ('--config.train.num_steps=24', '--config.eval.every=10',
         '--config.train.save_every=7')


@pytest.mark.long
def test_stopped_by_one_resumed_by_both(stores, tmp_path):
  whole = tmp_path / 'whole'
  assert tiny.run(stores, whole, *WORDS, devices=2).returncode == 0
  children = tiny.start_several(2, stores, tmp_path / 'w', *WORDS,
                                PACE='0.1')
  for line in children[0].stdout:
    if 'step 3/' in line:
      break
  # Any of them may be told; a later one tells that it is not the first only.
  children[1].send_signal(signal.SIGTERM)
  for code, _, errors in ended(children):
    assert code == tiny.STOPPED and 'it is saved' in errors, errors
  # They agree before every eighth step.
  assert tiny.steps(tmp_path / 'w')[-1] in (7, 15)
  for code, _, errors in ended(tiny.start_several(
      2, stores, tmp_path / 'w', *WORDS)):
    assert code == 0, errors
  tiny.assert_same_run(tmp_path / 'w', whole)


@pytest.mark.long
def test_one_of_four_dies_two_go_on_as_one_alone(stores, tmp_path):
  words = ('--config.data.block_rows=16', '--config.data.window_blocks=8',
           '--config.data.lanes=4', '--config.train.save_every=1',
           '--config.train.best=validation_photo/geoscore')
  alone, together = tmp_path / 'alone', tmp_path / 'together'
  assert tiny.run(stores, alone, *words, devices=4).returncode == 0
  four = tiny.start_several(4, stores, together, *words, PACE='0.5')
  kill_at(four, 'step 4/', victim=2)
  before = tiny.steps(together)[-1]
  assert 2 <= before < tiny.STEPS
  (first, said, errors), (second, silent, _) = ended(
      tiny.start_several(2, stores, together, *words, devices=2))
  assert first == second == 0, errors
  assert f'going on after step {before}' in said
  # The first process alone speaks and writes.
  assert f'step {tiny.STEPS}/' in said and 'step ' not in silent
  np.testing.assert_allclose(tiny.curve(together), tiny.curve(alone), rtol=1e-6)
  assert tiny.evaluations(together) == tiny.evaluations(alone)


def test_locked_to_one_locked_to_both(stores, tmp_path):
  with lock.hold(tmp_path):
    first, second = ended(tiny.start_several(2, stores, tmp_path))
  assert first[0] == second[0] == 1
  assert first[2].startswith(f'error: workdir {tmp_path} is locked by pid ')
  assert 'error: process 0 could not go on: its own error' in second[2]
  assert 'Traceback' not in second[2]
  assert [path.name for path in tmp_path.iterdir()] == [lock.NAME]
