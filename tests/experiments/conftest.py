"""What the tests of train_embedder share: stores, and a run never disturbed."""

import pytest

from tests.fixtures import tiny_training as tiny


@pytest.fixture(scope='session')
def stores(tmp_path_factory):
  return tiny.make_stores(tmp_path_factory.mktemp('stores'))


@pytest.fixture(scope='session')
def trained(stores, tmp_path_factory):
  """Workdir of a run to its end; a test that writes to it takes a copy."""
  workdir = tmp_path_factory.mktemp('trained') / 'w'
  done = tiny.run(stores, workdir)
  assert done.returncode == 0, done.stderr
  assert not done.stderr, 'a good run has nothing to complain about'
  return workdir
