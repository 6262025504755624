"""Rerankers from the command line: trained, stopped, resumed, refused."""

import json
import shutil

from pinpoint_jax.answer import open_systems
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.models import embedder_files
from pinpoint_jax.rerank import files
import pytest

from tests.fixtures import limits
from tests.fixtures import tiny_training as tiny
from tests.fixtures.tiny_reranker import SIGNALLED, command, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope='session')
def whole(world, tmp_path_factory):
  """A light run to its end."""
  workdir = tmp_path_factory.mktemp('light') / 'w'
  done = run(world, workdir)
  assert done.returncode == 0, done.stderr
  return workdir


def test_a_run_exports_what_rankers_load(world, whole):
  result = files.load(whole / 'model')
  where = world[-1].partition('=')[2]
  assert result.kind == 'light' and result.info.task == 'photo'
  assert result.info.gallery == galleries.open_gallery(where).fingerprint()
  assert dict(result.info.sizes) == {'image': 4, 'location': 3, 'raw': 3}
  weights = json.loads((
      whole / 'shortlists' / 'fusion-density-ridge.json').read_text())
  assert result.info.fusion == weights['fused']
  assert result.info.linear == weights['linear']
  assert len(result.info.weights) == 3 + 4 + 4
  assert result.priors['ridge']['centres'].shape[0] == 8
  assert result.info.fitted_ids and open_systems.system_of(result) == 'light'
  assert 'light reranker' in (whole / 'model' / 'README.md').read_text()
  figures = tiny.figures(whole)
  assert {'validation/reward', 'validation/acc@25km',
          'validation/linear_reward', 'validation/fusion_reward'
          } <= figures.keys()
  assert result.info.validation['reward'] == figures['validation/reward']


def test_the_attention_reranker_trains_for_street_views(world, tmp_path):
  done = run(world, tmp_path, '--config.task=street', '--config.model.width=16',
             '--config.model.num_layers=1', '--config.eval.every=0',
             '--config.ridge.centres=0', '--config.region.cells=4',
             '--config.columns=("other", "region")', kind='attention')
  assert done.returncode == 0, done.stderr
  result = files.load(tmp_path / 'model')
  assert (result.kind, result.info.task) == ('attention', 'street')
  assert result.priors.keys() == {'region'} and result.info.region
  assert len(result.info.weights) == 3 + 4 + 1


@pytest.mark.parametrize('kind', ['interaction', 'pinpoint'])
def test_the_other_kinds_train_and_say_what_they_are(world, tmp_path, kind):
  small = {'interaction': ('projections=4', 'hidden=8'),
           'pinpoint': ('width=16', 'num_layers=1')}[kind]
  changes = [] if kind == 'interaction' else [
      '--config.columns=()', '--config.ridge.centres=0']
  done = run(world, tmp_path, '--config.eval.every=0', *changes,
             *(f'--config.model.{size}' for size in small), kind=kind)
  assert done.returncode == 0, done.stderr
  result = files.load(tmp_path / 'model')
  if kind == 'pinpoint':
    assert open_systems.system_of(result) == 'full_pairwise'
    assert result.info.weights is None and not result.priors
  else:
    assert open_systems.system_of(result) == 'interaction'
    assert result.info.dims.meta == 4 and len(result.info.weights) == 11


def test_it_learns_from_photos_that_are_in_no_gallery(world, tmp_path):
  others = tiny.make_stores(tmp_path / 'others', seed=9, prefix='other')
  done = run(world, tmp_path / 'w', '--config.queries=apart', others['photo'],
             '--config.max_queries=60')
  assert done.returncode == 0, done.stderr
  card = (tmp_path / 'w' / 'model' / 'README.md').read_text()
  assert 'photos that are not in it' in card


def test_stopped_by_sigterm_it_goes_on_to_the_same_bits(world, whole, tmp_path):
  done = run(world, tmp_path, module=SIGNALLED, SIGNAL_AT='TERM:part:1')
  assert done.returncode == tiny.STOPPED, done.stderr
  assert 'stopped while examples were made; those that are' in done.stderr
  made = tmp_path / 'shortlists' / 'train' / 'part_00000' / 'rows.npy'
  written = made.stat().st_mtime_ns
  done = run(world, tmp_path, module=SIGNALLED, SIGNAL_AT='TERM:step:3')
  assert made.stat().st_mtime_ns == written
  assert done.returncode == tiny.STOPPED, done.stderr
  assert 'stopped after step 4 of 6; it is saved' in done.stderr
  assert not (tmp_path / 'model').exists()
  done = run(world, tmp_path)
  assert 'going on after step 4' in done.stdout, done.stderr
  tiny.assert_same_run(tmp_path, whole)


def test_killed_it_goes_on_to_the_same_bits(world, whole, tmp_path):
  child = tiny.start(command(world, tmp_path, '--config.train.save_every=1',
                             module=SIGNALLED), tiny.environment(PACE='0.5'))
  for line in child.stdout:
    if line.startswith('step 2/'):
      break
  limits.wait_until(lambda: tiny.steps(tmp_path), 'a checkpoint')
  child.kill()
  child.communicate(timeout=limits.SECONDS)
  assert child.returncode == tiny.KILLED and tiny.steps(tmp_path)
  # The kill may have come while lists were written, too.
  shutil.rmtree(tmp_path / 'shortlists' / 'train' / 'part_00001')
  done = run(world, tmp_path, '--config.train.save_every=1')
  assert done.returncode == 0, done.stderr
  tiny.assert_same_run(tmp_path, whole)


@pytest.mark.parametrize('words, complaint', [
    (['--config.embedder_split.validation_percent=20.0'],
     'among the others may be rows it has seen'),
    (['--config.seed=4'], 'was made from other things'),
    (['--config.examples.rounds=3'], 'rounds 2 → 3'),
    (['--config.optimizer.weight_decay=0.1'], 'begun with another config'),
    (['--config.queries=apart'], '300 of 300 photos of'),
    (['--config.objective.residual=False'], 'in its linear part alone'),
    (['--config.columns=("own",)'], 'light reranker reads no neighbours'),
    (['--config.columns=("region",)'], "'region', whose prior has no size"),
    (['--config.columns=("age",)'], 'each at most once'),
    (['--config.task=drone'], '--config.task=drone'),
    (['--config.gallery='], 'that build_gallery made'),
    (['--config.stores.photo='], '--config.stores.photo is empty')])
def test_what_makes_another_run_is_refused(world, whole, words, complaint):
  done = run(world, whole, *words)
  assert done.returncode == 1 and complaint in done.stderr, done.stderr
  assert done.stderr.count('error:') == 1


def test_rows_the_embedder_has_seen_are_used_only_aloud(world, tmp_path):
  done = run(world, tmp_path, '--config.queries=all', '--config.max_queries=60',
             '--config.eval.every=0')
  assert done.returncode == 0, done.stderr
  assert 'warning: --config.queries=all: the embedder has seen' in done.stderr


def test_the_embedder_tells_what_it_was_trained_on(trained, stores):
  result = embedder_files.load(trained / 'model').inputs['photo']['trained_on']
  path = stores['photo'].partition('=')[2]
  rows = rows_lib.open_rows([path])
  late = rows_lib.held_out(rows.photos.ids, 10.)
  assert result == rows.take((~late).nonzero()[0]).trained_on()
