"""The command fits, judges and saves a router, or says why not."""

import json

import numpy as np
from pinpoint_jax.models import router as routers
import pytest

from tests.fixtures import tiny_gallery

pytestmark = pytest.mark.slow

CONFIG = '--config=experiments/configs/train_router.py:quick'


def make(path, prefix, source, shift, count=120, **facts):
  ids = tiny_gallery.names(prefix, count)
  features = tiny_gallery.features(ids).astype(np.float32)
  features[:, 0] += shift
  return tiny_gallery.make_store(path, ids, source, features, facts)


@pytest.fixture(scope='module')
def stores(tmp_path_factory):
  """Sources that differ by six deviations of one column."""
  folder = tmp_path_factory.mktemp('stores')
  return {
      'photo': make(folder / 'p', 'p', 'photo', -3),
      'street': make(folder / 's', 's', 'street', 3),
      'other': make(folder / 'o', 'o', 'street', 3, weight_hash='other'),
      'asked': make(folder / 'a', 'a', 'photo', -3)}


def words(stores, workdir, **changes):
  named = {'stores.photo': stores['photo'], 'stores.street': stores['street'],
           **changes}
  return (CONFIG, f'--workdir={workdir}',
          *(f'--config.{name}={value}' for name, value in named.items()))


def test_it_fits_judges_and_saves(binary, stores, tmp_path):
  done = binary('train_router', *words(
      stores, tmp_path / 'w', **{'test.photo': stores['asked'],
                                 'test.street': stores['street']}))
  assert done.returncode == 0, done.stderr
  figures = json.loads((tmp_path / 'w' / 'figures.json').read_text())
  assert figures['held_out']['accuracy'] > .97
  assert figures['test']['by_source']['photo'] > .97
  router = routers.load(tmp_path / 'w' / 'model')
  assert (router.sources(tiny_gallery.features(['x']) - 3) == 'photo').all()
  card = (tmp_path / 'w' / 'model' / 'README.md').read_text()
  assert 'tiny/backbone' in card and '| photo sent right |' in card
  again = binary('train_router', *words(stores, tmp_path / 'again'))
  assert again.returncode == 0, again.stderr
  for name in ('model.safetensors', 'config.json'):
    assert ((tmp_path / 'w' / 'model' / name).read_bytes()
            == (tmp_path / 'again' / 'model' / name).read_bytes())


@pytest.mark.parametrize('changes, complaint', [
    ({'stores.street': ''}, '--config.stores.street is empty'),
    ({'stores.street': 'photo'}, 'holds photo features'),
    ({'stores.street': 'other'}, "differ in ['weight_hash']"),
    ({'test.photo': 'asked'}, '--config.test.street is empty'),
    ({'l2': 0.}, 'l2=0.0: must be above 0'),
])
def test_bad_words_are_one_line(binary, stores, tmp_path, changes, complaint):
  changes = {name: stores.get(value, value) for name, value in changes.items()}
  done = binary('train_router', *words(stores, tmp_path / 'w', **changes))
  assert done.returncode == 1 and complaint in done.stderr
  assert done.stderr.count('\n') == 1, done.stderr
  assert not (tmp_path / 'w' / 'model').exists()
