"""What tests of training share: stores, a run never disturbed, its gallery."""

from pinpoint_jax.gallery import writer
from pinpoint_jax.models import embedder_files
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


@pytest.fixture(scope='session')
def world(stores, trained, tmp_path_factory):
  """Flags that name the embedder, its gallery and the stores."""
  path = tmp_path_factory.mktemp('gallery') / 'g'
  writer.build(
      path, embedder_files.load(trained / 'model'),
      [words.partition('=')[2] for words in stores.values()],
      writer.Settings())
  return [*stores.values(), f'--config.embedder={trained / "model"}',
          f'--config.gallery={path}']
