"""Cross-validation on a store in which the first number says the place."""

import json

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import rows, store_writer
import pytest

from tests.fixtures import tiny_training as tiny

NUM = 64
TARGETS = ('hard', 'soft')
VARIANTS = {'raw_1nn': ('',), 'image_top1': TARGETS, 'location_top1': TARGETS,
            'retrieval': TARGETS, 'ridge': ('linear', 'chosen')}


@pytest.fixture(scope='module')
def store(tmp_path_factory):
  """Two places; the feature says which, and each author has two photos."""
  rng = np.random.default_rng(0)
  side = np.arange(NUM) % 2
  places = np.where(side[:, None], [50., 10.], [-30., 140.])
  places = places + rng.normal(scale=0.5, size=(NUM, 2))
  features = rng.normal(size=(NUM, 8)).astype(np.float32)
  features[:, 0] += np.where(side, 6., -6.)
  photos = types.Photos(
      np.array([f'p{i}' for i in range(NUM)]), places,
      np.array([f'a{i // 2}' for i in range(NUM)]), np.full(NUM, ''), 'street')
  path = tmp_path_factory.mktemp('cv') / 'store'
  facts = store_writer.FeatureOrigin('made', 'abc', 'none')
  store_writer.write(path, photos, [features], 8, facts)
  return path


@pytest.fixture(scope='module')
def workdir(store, binary, tmp_path_factory):
  folder = tmp_path_factory.mktemp('out')
  done = binary('crossval', f'--features={store}', '--folds=2',
                f'--workdir={folder}', '--num_resamples=20',
                env=tiny.environment())
  assert done.returncode == 0, done.stderr
  return folder


def test_every_system_and_decoding_on_every_row(workdir):
  found = {(row['system'], row['variant'], row['decode']): row
           for row in json.loads((workdir / 'results.json').read_text())}
  assert set(found) == {('chance', '', 'argmax'), *(
      (system, variant, decode) for system, variants in VARIANTS.items()
      for variant in variants for decode in ('argmax', 'expected_score'))}
  assert all(row['num_queries'] == NUM for row in found.values())
  for key, row in found.items():
    if key[0] in ('location_top1', 'ridge', 'retrieval'):
      assert row['metrics']['acc@750km'] > 0.9, key
  assert 0.3 < found['chance', '', 'argmax']['metrics']['acc@750km'] < 0.7


def test_the_best_comes_first_and_what_is_left_out_is_said(workdir):
  rows = json.loads((workdir / 'results.json').read_text())
  scores = [row['metrics']['geoscore'] for row in rows]
  assert scores == sorted(scores, reverse=True)
  note = f'street: light is left out, it needs 2,000 rows to learn from ' \
         f'and there are {NUM}'
  assert note in rows[0]['provenance']['notes']
  assert note in (workdir / 'results.md').read_text()


def test_what_was_fitted_is_written_down_fold_by_fold(workdir):
  rows = json.loads((workdir / 'results.json').read_text())
  fitted = {row['system']: row['provenance']['fitted'] for row in rows}
  assert [set(one) for one in fitted['retrieval']] == 2 * [
      {'image', 'location', 'raw'}]
  assert len(fitted['ridge']) == 2 and fitted['ridge'][0]['penalty'] > 0
  assert fitted['chance'] == [None, None]


def test_another_seed_is_refused_where_folds_are(workdir, store, binary):
  done = binary('crossval', f'--features={store}', '--folds=2', '--seed=1',
                f'--workdir={workdir}', env=tiny.environment())
  assert done.returncode == 1 and 'seed 0 → 1' in done.stderr


def test_run_again_it_keeps_the_folds(workdir, store, binary):
  before = json.loads((workdir / 'results.json').read_text())
  done = binary('crossval', f'--features={store}', '--folds=2',
                f'--workdir={workdir}', '--num_resamples=20',
                env=tiny.environment())
  assert done.returncode == 0 and 'step 1/' not in done.stdout
  after = json.loads((workdir / 'results.json').read_text())
  assert [row['metrics'] for row in before] == [
      row['metrics'] for row in after]


def test_an_author_is_never_on_both_sides():
  clusters = np.array(['a', 'b', 'a', 'c', 'b', 'd', 'a'])
  fold = rows.folds(clusters, 2)
  assert fold[0] == fold[2] == fold[6] and fold[1] == fold[4]
  assert sorted(np.bincount(fold)) == [3, 4]


def test_one_fold_is_refused(store, binary, tmp_path):
  done = binary('crossval', f'--features={store}', '--folds=1',
                f'--workdir={tmp_path}', env=tiny.environment())
  assert done.returncode == 1 and 'folds=1' in done.stderr
