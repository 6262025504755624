"""The local script: who is started, what ends whom, what its exit code says."""

import contextlib
import os
import signal
import subprocess
import sys

from experiments.launchers import jobs, local
import pytest

from tests.fixtures import limits

# Writes its number, then does as it is told; without an order it waits.
PROCESS = '''
import os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ['FOLDER'])
number = os.environ['PINPOINT_PROCESS_ID']
def stop(code, _):
  (folder / f'{number}.stopped').touch()
  sys.exit(143)
signal.signal(signal.SIGTERM, stop)
(folder / number).write_text(' '.join(
    [os.environ['PINPOINT_COORDINATOR'], os.environ['PINPOINT_NUM_PROCESSES'],
     *sys.argv[3:]]))
orders = dict(part.split(':') for part in os.environ['ORDERS'].split(','))
if number in orders:
  sys.exit(int(orders[number]))
time.sleep(600)
'''


@pytest.fixture
def start(tmp_path):
  """Starts the script of so many processes, which are PROCESS."""
  children = []
  python = tmp_path / 'python'
  python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\n'
                    f'exec {sys.executable} -S {tmp_path}/process.py "$@"\n')
  python.chmod(0o755)
  (tmp_path / 'process.py').write_text(PROCESS)
  def start(processes, orders='9:0', num_items=0):
    job = jobs.Job('here', ('experiments.train', '--workdir=a b'), 'a b',
                   num_items)
    children.append(subprocess.Popen(
        ['bash', '-c', local.script(job, {'processes': processes})],
        start_new_session=True, env=os.environ | {
            'PYTHON': str(python), 'FOLDER': str(tmp_path), 'ORDERS': orders}))
    return children[-1]
  yield start
  for child in children:
    with contextlib.suppress(ProcessLookupError):  # Nobody is left.
      os.killpg(child.pid, signal.SIGKILL)


def test_all_are_started_with_the_same_words(start, tmp_path):
  child = start(3, '0:0,1:0,2:0')
  assert child.wait(limits.SECONDS) == 0
  told = {(tmp_path / str(number)).read_text() for number in range(3)}
  assert len(told) == 1
  address, processes, *words = told.pop().split(' ', 2)
  assert address.startswith('localhost:') and processes == '3'
  assert words == ['--workdir=a b']


def test_one_that_fails_ends_the_others(start, tmp_path):
  child = start(3, '1:7')
  assert child.wait(limits.SECONDS) == 7
  # Who had not begun to listen was ended too, without a word.
  assert not (tmp_path / '1.stopped').exists()


def test_a_signal_reaches_all_and_no_further_item_begins(start, tmp_path):
  child = start(2, num_items=3)
  limits.wait_until(lambda: all((tmp_path / name).exists()
                                for name in '01'), 'two processes')
  child.send_signal(signal.SIGTERM)
  assert child.wait(limits.SECONDS) == 143
  assert all((tmp_path / f'{name}.stopped').exists() for name in '01')
