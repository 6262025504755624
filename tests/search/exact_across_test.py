"""Two real processes, each with its own rows, answer as one with all."""

import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
from pinpoint_jax.search import exact, row_sets
import pytest

from tests.fixtures import limits

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parents[2]
CHILD = '''
import sys
import jax
import numpy as np
port, index, engine, folder = sys.argv[1:]
jax.config.update('jax_cpu_collectives_implementation', 'gloo')
jax.distributed.initialize('localhost:' + port, 2, int(index))
from pinpoint_jax.search import exact, row_sets
with np.load(folder + '/asked.npz') as file:
  asked = dict(file)
first, last = ((0, 700), (700, 1001))[int(index)]
here = exact.Exact(asked['gallery'][first:last], engine)
excluded = row_sets.same_code(asked['query_groups'], asked['gallery_groups'])
found = exact.search_all_hosts(here, first, asked['queries'], 600, excluded)
np.savez(folder + '/' + index, rows=found.rows, scores=found.scores)
'''


def run_two(engine, folder):
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  env = {k: v for k, v in os.environ.items() if not k.startswith('JAX_')}
  children = [subprocess.Popen(
      [sys.executable, '-c', CHILD, str(port), str(index), engine, str(folder)],
      cwd=ROOT, text=True, stderr=subprocess.PIPE,
      env=env | {'JAX_PLATFORMS': 'cpu', 'JAX_NUM_CPU_DEVICES': '2'})
              for index in range(2)]
  for child in children:
    _, errors = child.communicate(timeout=limits.SECONDS)
    assert child.returncode == 0, errors


def test_two_processes_answer_as_one(tmp_path):
  rng = np.random.default_rng(0)
  asked = dict(
      queries=rng.normal(size=(5, 16)).astype(np.float32),
      gallery=rng.integers(-1, 2, (1001, 16)).astype(np.float32),
      query_groups=rng.integers(5, size=5),
      gallery_groups=rng.integers(5, size=1001))
  np.savez(tmp_path / 'asked.npz', **asked)
  expected = exact.search(
      asked['queries'], asked['gallery'], 600,
      row_sets.same_code(asked['query_groups'], asked['gallery_groups']))
  run_two('sharded', tmp_path)
  for index in range(2):
    with np.load(tmp_path / f'{index}.npz') as result:
      np.testing.assert_array_equal(result['rows'], expected.rows)
      np.testing.assert_array_equal(result['scores'], expected.scores)
