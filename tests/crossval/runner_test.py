"""A cross-validation of two sources with embedders that learned nothing."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax import crossval, types
from pinpoint_jax.crossval import runner
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store_writer
from pinpoint_jax.models import embedder, embedder_files
import pytest

NUM, DIM, FOLDS = 24, 4, 2

# Every test needs a whole run.
pytestmark = pytest.mark.slow


def store(folder, source, backbone):
  rng = np.random.default_rng(len(source))
  photos = types.Photos(
      np.array([f'{source}{i}' for i in range(NUM)]),
      rng.uniform([-80, -180], [80, 180], (NUM, 2)),
      np.array([f'{source}_{i // 2}' for i in range(NUM)]), np.full(NUM, ''),
      source)
  path = folder / f'{source}_{backbone}'
  store_writer.write(path, photos, [rng.normal(size=(NUM, DIM))], DIM,
                     store_writer.FeatureOrigin(backbone, 'abc', 'none'))
  return rows_lib.open_rows([str(path)])


class Untrained:
  """Saves a fresh embedder for a fold; counts how often."""

  def __init__(self, folds):
    self.folds, self.calls = folds, 0

  def __call__(self, fold, name, workdir):
    self.calls += 1
    train = self.folds[fold].train
    module = embedder.Embedder(
        tuple(train), dim=4, hidden=8, adapter_depth=1, trunk_depth=0,
        location_options={'hidden': 8, 'depth': 1, 'num_waves': 4})
    params = module.init(
        jax.random.key(fold + len(name)),
        {source: jnp.zeros((1, DIM)) for source in train},
        {source: jnp.zeros((1, 3)) for source in train})['params']
    embedder_files.save(workdir / 'model', module, params, {
        source: {'backbone': 'b', 'weight_hash': 'abc', 'preprocess': 'none',
                 'dim': DIM, 'trained_on': {
                     'rows': len(part), 'fingerprint': part.fingerprint()}}
        for source, part in train.items()}, 'card')


@pytest.fixture(scope='module')
def ran(tmp_path_factory):
  """Rows, trainer, folder and outcome of a run over two backbones."""
  folder = tmp_path_factory.mktemp('crossval')
  rows = {'photo': store(folder, 'photo', 'b'),
          'street': store(folder, 'street', 'other')}
  folds = crossval.split(rows, FOLDS)
  train = Untrained(folds)
  outcome = crossval.run(folds, crossval.Settings(), train, folder / 'w',
                         announce=lambda line: None)
  return rows, train, folder / 'w', outcome


def table(ran):
  rows, _, _, outcome = ran
  hashes = {name: name for name in ('', *runner.EMBEDDERS)}
  return crossval.rows(outcome, rows, {'git': 'x'}, hashes, 0)


def test_every_source_has_every_system_but_raw_1nn(ran):
  for source in types.SOURCES:
    systems = {row['system'] for row in table(ran)
               if row['queries'] == source}
    assert systems == {
        'chance', 'constant', 'ridge', 'image_top1', 'location_top1',
        'retrieval', 'geoclip_style', 'oracle'}


def test_who_answers_from_the_source_alone(ran):
  for row in table(ran):
    own = (row['system'] == 'constant' or row['variant'] in (
        'linear', 'chosen', runner.FROM_RIDGE))
    assert row['gallery'] == ('same_source' if own else 'combined')
    assert row['num_queries'] == NUM and row['filter'] == 'author'


def test_a_row_names_the_models_and_the_config_of_its_embedder(ran):
  models = ran[3].models
  assert {name: len(set(result)) for name, result in models.items()} == {
      name: FOLDS for name in runner.EMBEDDERS}
  for row in table(ran):
    name = row['provenance']['config_hash']
    assert row['provenance']['model'] == ','.join(models.get(name, []))
    assert name in models or row['system'] in (
        'chance', 'constant', 'ridge') or row['variant'] == runner.FROM_RIDGE


def test_what_another_source_adds_is_a_paired_difference(ran):
  """Made rows hold nothing: both sources answer as one does, exactly."""
  compared = {(row['queries'], row['variant']): row['provenance']['difference']
              for row in table(ran) if row['system'] == 'ridge'
              and row['variant'] != 'linear'}
  assert {key: set(bases) for key, bases in compared.items()} == {
      (source, variant): bases for source in types.SOURCES
      for variant, bases in (('chosen', {'constant'}),
                             ('two_sources', {'constant', 'ridge chosen'}))}
  for source in types.SOURCES:
    gain = compared[source, 'two_sources']['ridge chosen']
    assert gain['difference'] == 0 and gain['interval'] is None
  lines = list(crossval.sentences(table(ran)))
  assert any(line.startswith('photo: ridge two_sources over ridge chosen, exp'
                             'ected_score: +0 GeoScore') for line in lines)


def test_what_is_left_out_has_a_line(ran):
  notes = ran[3].notes
  for source in types.SOURCES:
    assert any(note.startswith(f'{source}: raw_1nn is left out')
               for note in notes)
    assert any(note.startswith(f'{source}: light is left out')
               for note in notes)
  assert any(note.startswith('full is left out') for note in notes)


def test_the_oracle_bounds_what_chooses_from_its_list(ran):
  for source in types.SOURCES:
    of_source = [row for row in table(ran) if row['queries'] == source]
    oracle, *_ = [row for row in of_source if row['system'] == 'oracle']
    assert oracle['decode'] == 'argmax' and oracle['variant'].endswith(
        f'list of {NUM}')
    for row in of_source:
      if row['system'] == 'retrieval':
        assert row['metrics']['mean_km'] >= oracle['metrics']['mean_km']


def test_run_again_it_trains_nothing_and_says_the_same(ran):
  _, train, folder, outcome = ran
  calls = train.calls
  again = crossval.run(train.folds, crossval.Settings(), train, folder,
                       announce=lambda line: None)
  assert train.calls == calls == FOLDS * len(runner.EMBEDDERS)
  assert again.models == outcome.models
  for key, folds in outcome.answers.items():
    for first, second in zip(folds, again.answers[key]):
      np.testing.assert_array_equal(first.errors.dist_km,
                                    second.errors.dist_km)


def test_an_embedder_of_other_rows_is_refused(ran, tmp_path):
  folds = crossval.split(ran[0], FOLDS)
  train = Untrained(folds[::-1])
  with pytest.raises(ValueError, match='was trained on other photo rows'):
    crossval.run(folds, crossval.Settings(), train, tmp_path,
                 announce=lambda line: None)
