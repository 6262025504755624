"""Cross-validation on a store in which the first number says the place."""

import json
import shutil

from experiments import crossval
import numpy as np
from pinpoint_jax import crossval as library
from pinpoint_jax import types
from pinpoint_jax.features import rows, store_writer
import pytest

from tests.fixtures import tiny_training as tiny

pytestmark = pytest.mark.long

NUM = 64
TARGETS = ('hard', 'soft')
VARIANTS = {'raw_1nn': ('',), 'image_top1': TARGETS,
            'location_top1': (*TARGETS, 'from_ridge'), 'retrieval': TARGETS,
            'ridge': ('linear', 'chosen'), 'constant': ('',),
            'geoclip_style': ('',)}
# Half of the rows answer the other half: each is in every list.
ORACLES = {('oracle', f'{targets}, list of {NUM // 2}', 'argmax')
           for targets in TARGETS}


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


@pytest.fixture(scope='module')
def results(workdir):
  return json.loads((workdir / 'results.json').read_text())


def test_every_system_and_decoding_on_every_row(results):
  rows = {(row['system'], row['variant'], row['decode']): row
          for row in results}
  assert set(rows) == {('chance', '', 'argmax'), *ORACLES, *(
      (system, variant, decode) for system, variants in VARIANTS.items()
      for variant in variants for decode in ('argmax', 'expected_score'))}
  assert all(row['num_queries'] == NUM for row in results)
  for key, row in rows.items():
    if key[0] in ('location_top1', 'ridge', 'retrieval', 'oracle'):
      assert row['metrics']['acc@750km'] > 0.9, key
  assert 0.3 < rows['chance', '', 'argmax']['metrics']['acc@750km'] < 0.7


def test_no_system_is_better_than_the_oracle(results):
  assert results[0]['system'] == 'oracle'
  assert results[0]['metrics']['acc@25km'] == max(
      row['metrics']['acc@25km'] for row in results)


def test_the_best_comes_first_and_what_is_left_out_is_said(workdir, results):
  scores = [row['metrics']['geoscore'] for row in results]
  assert scores == sorted(scores, reverse=True)
  for note in (f'street: light is left out, it needs 2,000 rows to learn from '
               f'and there are {NUM}', 'full is left out'):
    assert any(note in line for line in results[0]['provenance']['notes'])
    assert note in (workdir / 'results.md').read_text()


def test_rows_tell_gallery_config_models_and_seconds(results):
  by_system = {(row['system'], row['variant']): row for row in results}
  assert {row['gallery'] for row in results} == {'same_source'}
  for row in results:
    assert len(row['provenance']['config_hash']) == 12
    assert row['provenance']['seconds'] >= 0
  hashes = {row['provenance']['config_hash'] for row in results}
  assert len(hashes) == 4  # Three embedders, and systems without any.
  for key in (('retrieval', 'soft'), ('geoclip_style', '')):
    models = by_system[key]['provenance']['model'].split(',')
    assert len(set(models)) == 2
  assert by_system['ridge', 'linear']['provenance']['model'] == ''
  assert by_system['ridge', 'linear']['provenance']['seconds'] > 0


def test_what_was_fitted_is_written_down_fold_by_fold(results):
  fitted = {row['system']: row['provenance']['fitted'] for row in results}
  assert [set(fold) for fold in fitted['retrieval']] == 2 * [
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


def test_an_embedder_of_other_rows_is_refused(workdir, store, binary, tmp_path):
  copy = tmp_path / 'w'
  shutil.copytree(workdir, copy)
  folds = [copy / 'folds' / f'fold_{i}' / 'soft' for i in range(2)]
  shutil.rmtree(folds[0] / 'model')
  shutil.copytree(folds[1] / 'model', folds[0] / 'model')
  done = binary('crossval', f'--features={store}', '--folds=2',
                f'--workdir={copy}', env=tiny.environment())
  assert done.returncode == 1 and 'was trained on other street rows' in (
      done.stderr)


def test_more_folds_than_authors_are_refused_in_one_line(
    store, binary, tmp_path):
  done = binary('crossval', f'--features={store}', '--folds=33',
                f'--workdir={tmp_path}', env=tiny.environment())
  assert done.returncode == 1 and done.stderr.count('\n') == 1
  assert '64 rows of 32 authors and sequences cannot make 33' in done.stderr


def test_one_fold_is_refused(store, binary, tmp_path):
  done = binary('crossval', f'--features={store}', '--folds=1',
                f'--workdir={tmp_path}', env=tiny.environment())
  assert done.returncode == 1 and 'folds=1' in done.stderr


def test_batches_fit_the_fold_whose_test_has_most_rows(tmp_path):
  """One author has 90 rows of 130: a fold trains on the other 40."""
  photos = types.Photos(
      np.array([f'p{i}' for i in range(130)]), np.zeros((130, 2)) + 1,
      np.array(90 * ['a'] + 20 * ['b'] + 20 * ['c']), np.full(130, ''), 'photo')
  store_writer.write(tmp_path / 's', photos, [np.zeros((130, 2))], 2,
                     store_writer.FeatureOrigin('made', 'abc', 'none'))
  paths = {'photo': str(tmp_path / 's')}
  folds = library.split({'photo': rows.open_rows([paths['photo']])}, 2)
  sizes = {crossval.fold_config(paths, folds, 0, fold, name).data.batch_size
           for fold in range(2) for name in ('hard', 'geoclip_style')}
  assert sizes == {32}
