"""Strict ground for every test: types checked, 8 devices, no silent ranks."""

import collections
import os
import pathlib
import subprocess
import sys

from tests.fixtures import compilations, limits

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('XLA_FLAGS', limits.XLA_FLAGS)
os.environ.update(compilations.SHARED)

import jax
import jaxtyping
import pytest

# Shapes in signatures are enforced here and only here. The hook must stand
# before the first import of our packages.
jaxtyping.install_import_hook(
    ['pinpoint_jax', 'input_pipeline', 'experiments'], 'beartype.beartype')

jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_numpy_rank_promotion', 'raise')

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
  """Before there are workers: one that begins later must not empty it."""
  if not hasattr(config, 'workerinput'):
    compilations.bound()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
  """What starts a binary or trains is slow: `make test-quick` skips it.

  Files with slow tests come first, those with the fewest before the others,
  since each takes minutes: none must begin when all else is done.
  """
  for item in items:
    if {'binary', 'trained'} & set(item.fixturenames) or (
        item.get_closest_marker('long')):
      item.add_marker('slow')
  slow = {item.path for item in items if item.get_closest_marker('slow')}
  count = collections.Counter(item.path for item in items)
  items.sort(key=lambda item: (item.path not in slow, count[item.path] * (
      1 if item.path in slow else -1)))


@pytest.fixture(scope='session')
def binary():
  """Runs `python -m experiments.NAME ARGS` as a user would."""
  def run(name: str, *args: str, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-m', f'experiments.{name}', *map(str, args)],
        cwd=ROOT, capture_output=True, text=True,
        timeout=limits.SECONDS, **kwargs)
  return run


@pytest.fixture
def golden():
  """Compares text with tests/golden/NAME; UPDATE_GOLDEN=1 rewrites it."""
  def check(name: str, text: str) -> None:
    path = ROOT / 'tests' / 'golden' / name
    if os.environ.get('UPDATE_GOLDEN'):
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_text(text)
    assert path.exists(), f'{path} is missing: make golden'
    assert text == path.read_text(), f'{path} differs: make golden, read diff'
  return check
