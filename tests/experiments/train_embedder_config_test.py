"""A run goes on only as what it began as."""

import shutil

from experiments import train_embedder
from experiments.configs import train_embedder as config
from experiments.run import config_file, training_run
import jax
from pinpoint_jax.train import closed_form
import pytest

from tests.fixtures import tiny_training as tiny


@pytest.fixture
def refuses(stores, trained):
  """Runs with other words in a finished workdir, which must stay as it is."""
  def check(complaint, *words, photo=None):
    before = {p: p.stat().st_mtime_ns for p in trained.rglob('*')
              if p.name not in ('lock.json', 'metrics.jsonl')}
    chosen = stores | ({'photo': photo} if photo else {})
    done = tiny.run(chosen, trained, *words)
    assert done.returncode == 1 and complaint in done.stderr, done.stderr
    assert done.stderr.count('\n') == 1
    for path, changed in before.items():
      if path.is_file():
        assert path.stat().st_mtime_ns == changed, path
  return check


def test_other_seed(refuses):
  refuses('data pipeline fingerprint differs (seed 0 → 4, ', '--config.seed=4')


def test_other_stores(refuses, tmp_path):
  other = tiny.make_stores(tmp_path, seed=1)
  refuses('was begun with another config (stores.photo ', photo=other['photo'])
  refuses('data pipeline fingerprint differs (data ',
          '--allow_config_change=stores.photo', photo=other['photo'])


def test_other_architecture(refuses, trained):
  place = trained / 'checkpoints' / '6' / 'ema'
  refuses(f'checkpoint {place}/', '--config.model.hidden=32',
          '--allow_config_change=model.hidden')


def test_optimizer_unless_it_is_named(refuses, stores, trained, tmp_path):
  word = '--config.optimizer.weight_decay=0.1'
  refuses('(optimizer.weight_decay 0.05 → 0.1): use another workdir, or allow '
          'it with --allow_config_change=optimizer.weight_decay', word)
  workdir = shutil.copytree(trained, tmp_path / 'w')
  done = tiny.run(stores, workdir, word, '--config.eval.max_queries=10',
                  '--allow_config_change=optimizer.weight_decay')
  assert done.returncode == 0, done.stderr
  assert 'config changed: optimizer.weight_decay 0.05 → 0.1\n' in done.stdout
  assert 'config changed: eval.max_queries 2000 → 10\n' in done.stdout
  assert 'optimizer.weight_decay = 0.1' in (workdir / 'config.txt').read_text()


@pytest.mark.parametrize('name, value', [
    ('model.dropout', 0.3), ('objective.ema', 0.9), ('data.batch_size', 4),
    ('optimizer.name', 'lion'), ('stores.street', 'x'),
    ('validation_percent', 2.0)])
def test_what_makes_another_run_is_refused(name, value):
  saved = training_run.described_config(config.get_config())
  changed = config.get_config()
  changed.update_from_flattened_dict({name: value})
  with pytest.raises(ValueError, match=f'{name} .* → {value!r}'):
    training_run.check_resume(saved, changed, '', 'w')
  assert len(training_run.check_resume(saved, changed, name, 'w')) == 1


@pytest.mark.parametrize('name, value, shown', [
    ('train.num_steps', 9, 1), ('keep.last', 5, 1), ('model.loop', 'rolled', 1),
    ('distributed.process_id', 1, 0)])
def test_what_may_change_is_told(name, value, shown):
  saved = training_run.described_config(config.get_config())
  changed = config.get_config()
  changed.update_from_flattened_dict({name: value})
  assert len(training_run.check_resume(saved, changed, '', 'w')) == shown


def test_allowing_what_is_not_there():
  saved = training_run.described_config(config.get_config())
  with pytest.raises(ValueError, match="has no 'optimizer.rate'"):
    training_run.check_resume(saved, config.get_config(), 'optimizer.rate', 'w')
  assert 'optimizer.rate' not in config_file.flatten(config.get_config())


@pytest.mark.parametrize('loop, backend, unroll', [
    ('auto', 'cpu', True), ('auto', 'gpu', True), ('auto', 'tpu', False),
    ('rolled', 'gpu', False), ('unrolled', 'tpu', True)])
def test_loops_are_rolled_on_a_tpu_alone(monkeypatch, loop, backend, unroll):
  monkeypatch.setattr(jax, 'default_backend', lambda: backend)
  made = config.get_config()
  made.model.loop = loop
  assert train_embedder.model(made).unroll == unroll


def test_a_loop_of_another_kind_is_refused():
  made = config.get_config()
  made.model.loop = 'round'
  with pytest.raises(ValueError, match="loop=round: choices are .*'rolled'"):
    train_embedder.model(made)


def test_presets_for_pods():
  made = config.get_config('bf16,fsdp=16')
  assert made.model.dtype == 'bfloat16' and made.model.scan
  assert (made.mesh.fsdp, made.objective.precision) == (16, 'high')
  usual = config.get_config()
  assert (usual.model.dtype, usual.mesh.fsdp, usual.objective.precision) == (
      'float32', 1, 'highest')
  assert train_embedder.objective(usual).chunk == -1


@pytest.mark.parametrize('quick', [False, True])
def test_feature_earth_is_solved_and_its_peer_is_trained(quick):
  changed = config.get_config('quick')
  changed.update(config.feature_earth(quick))
  assert closed_form.needed(train_embedder.model(changed))
  assert changed.train.num_steps == 0
  peer = config.feature_earth_peer(quick)
  config.change(changed, peer)
  assert not closed_form.needed(train_embedder.model(changed))
  assert changed.train.num_steps == peer['train']['num_steps'] > 0
  assert changed.objective.loss == 'softmax'
  # Its image tower is of a size of its own, not the solved model's.
  assert changed.model.hidden == (16 if quick else 128)
