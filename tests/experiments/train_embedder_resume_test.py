"""Stopped anywhere and started again is as never stopped, to the bit."""

import random
import shutil
import signal
import time

import numpy as np
import pytest

from tests.fixtures import limits
from tests.fixtures import tiny_training as tiny

pytestmark = pytest.mark.slow

# Largest difference of losses between 1, 2 and 8 devices, relative.
# Measured: 4e-7, as sums are taken in another order.
DEVICES_RTOL = 2e-6
EACH = '--config.train.save_every=1'


def stopped(done, step):
  assert done.returncode == tiny.STOPPED, done.stderr
  assert done.stderr == (
      f'stopped after step {step} of {tiny.STEPS}; it is saved; run the same '
      f'command to continue\n')


# Metrics are read one step late: step 3 is shown when step 4 is on its way.
@pytest.mark.parametrize('at, step', [('TERM:step:3', 4), ('TERM:run:3', 4)])
def test_sigterm_in_a_step_and_in_an_evaluation(stores, trained, tmp_path, at,
                                                step):
  stopped(tiny.run_signalled(stores, tmp_path, at), step)
  assert tiny.steps(tmp_path)[-1] == step
  assert not (tmp_path / 'model').exists()
  done = tiny.run(stores, tmp_path)
  assert f'going on after step {step}' in done.stdout, done.stderr
  tiny.assert_same_run(tmp_path, trained)


def test_ctrl_c_saves_as_sigterm_does(stores, trained, tmp_path):
  done = tiny.run_signalled(stores, tmp_path, 'INT:step:3')
  assert done.returncode == 130, done.stderr
  assert done.stderr.splitlines() == [
      'stopping and saving; Ctrl-C again stops at once',
      f'stopped after step 4 of {tiny.STEPS}; it is saved; run the same '
      f'command to continue']
  assert tiny.steps(tmp_path)[-1] == 4
  assert tiny.run(stores, tmp_path).returncode == 0
  tiny.assert_same_run(tmp_path, trained)


def test_sigterm_in_the_first_compilation(stores, trained, tmp_path):
  # Nothing to load: this run compiles for seconds. After the line of its first
  # step it waits, for a signal that a busy machine sends late.
  env = tiny.environment(JAX_ENABLE_COMPILATION_CACHE='false', PACE='5')
  child = tiny.start(
      tiny.command(stores, tmp_path, module=tiny.SIGNALLED), env)
  for line in child.stdout:
    if line.endswith('a new run\n'):
      break
  time.sleep(0.3)
  child.send_signal(signal.SIGTERM)
  out, err = child.communicate(timeout=limits.SECONDS)
  assert child.returncode == tiny.STOPPED, err
  assert 'stopped after step 1 of' in err and 'step 2/' not in out
  assert tiny.run(stores, tmp_path).returncode == 0
  tiny.assert_same_run(tmp_path, trained)


@pytest.mark.long
def test_killed_again_and_again(stores, trained, tmp_path):
  rng = random.Random(0)
  newest = [kill_later(stores, tmp_path, .8 * rng.random()) for _ in range(3)]
  assert newest[-1] < tiny.STEPS, 'the kills must come in between'
  done = tiny.run(stores, tmp_path, EACH)
  assert done.returncode == 0, done.stderr
  assert 'WARNING' not in done.stderr
  tiny.assert_same_run(tmp_path, trained)


def kill_later(stores, workdir, seconds):
  """Kills a paced run so long after its first step, once there is a checkpoint.

  Returns the newest.
  """
  command = tiny.command(stores, workdir, EACH, module=tiny.SIGNALLED)
  child = tiny.start(command, tiny.environment(PACE='1'))
  for line in child.stdout:
    if line.startswith('step '):
      break
  limits.wait_until(lambda: tiny.steps(workdir), 'a checkpoint')
  time.sleep(seconds)
  child.kill()
  child.communicate(timeout=limits.SECONDS)
  assert child.returncode == tiny.KILLED
  return tiny.steps(workdir)[-1]


@pytest.mark.parametrize('before, after', [(8, (2, 1)), (1, (8,))])
def test_other_number_of_devices(stores, trained, tmp_path, before, after):
  stopped(tiny.run_signalled(stores, tmp_path / 'w', 'TERM:step:3',
                             devices=before), 4)
  for devices in after:
    workdir = tmp_path / str(devices)
    shutil.copytree(tmp_path / 'w', workdir)
    done = tiny.run(stores, workdir, devices=devices)
    assert done.returncode == 0, done.stderr
    assert f'on {devices} devices; going on after step 4' in done.stdout
    result, want = tiny.curve(workdir), tiny.curve(trained)
    print(f'{before} → {devices}: {np.max(np.abs(result / want - 1)):.1e}')
    np.testing.assert_allclose(result, want, rtol=DEVICES_RTOL)
