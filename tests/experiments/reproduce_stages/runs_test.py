"""What is done is skipped; what no longer fits is refused, not overwritten."""

import json
import shutil

from experiments.reproduce_stages import inputs, plan, runs, stages
from experiments.run import config_file
import numpy as np
from pinpoint_jax.features import store as stores
import pytest

from tests.conftest import ROOT
from tests.fixtures import replicas

TINY_CHAIN = ROOT / 'tests' / 'fixtures' / 'tiny_chain.py'


@pytest.fixture
def worlds(tmp_path):
  """The first stage of a chain that needs nothing, and where stages lie."""
  config = config_file.load('synthetic:quick')
  return [stage for stage in stages.of(config)
          if stage.name == 'query_street'], tmp_path / 'stages'


def test_a_stage_is_made_once(worlds, capsys):
  chain, base = worlds
  assert runs.state(chain[0], base) == 'todo'
  first = runs.run(chain, base)
  assert 'make_synthetic_features in' in capsys.readouterr().out
  assert runs.run(chain, base) == first
  assert 'query_street: done before' in capsys.readouterr().out


def test_killed_before_its_record_it_is_looked_through_again(worlds, capsys):
  chain, base = worlds
  runs.run(chain, base)
  record = chain[0].root(base) / runs.DONE
  record.unlink()
  assert runs.state(chain[0], base) == 'begun'
  runs.run(chain, base)
  assert runs.state(chain[0], base) == 'done'
  record.write_text('{')
  with pytest.raises(ValueError, match='done.json: damaged'):
    runs.run(chain, base)


def test_a_product_that_changed_is_refused(worlds):
  chain, base = worlds
  runs.run(chain, base)
  mark = chain[0].mark(base)
  mark.write_text(mark.read_text() + ' ')
  with pytest.raises(ValueError, match='made with another query_street than is '
                     'there now: remove that folder'):
    runs.run(chain, base)


def test_another_config_says_what_differs(worlds):
  chain, base = worlds
  runs.run(chain, base)
  config = config_file.load('synthetic:quick')
  config.seed = 1
  other = next(stage for stage in stages.of(config)
               if stage.name == 'query_street')
  [line] = runs.changes(other, base)
  assert line == (f'not as in world-{chain[0].recipe}: seed = 0; seed = 1')


def test_all_that_is_missing_is_named_at_once(tmp_path):
  config = config_file.load('im2gps3k')
  for name in config.data:
    config.data[name].root = str(tmp_path / name)
  config.backbone = str(tmp_path / 'model')
  lines = inputs.missing(config)
  assert len(lines) == 9
  for words in ('lacks mp-16-images{00..18}', 'lacks train.csv (2.92 GB)',
                'Jia-py/MP16-Pro', 'CC-BY-SA-4.0', 'im2gps3k_places365.csv',
                'google/siglip2-giant-opt-patch16-384'):
    assert any(words in line for line in lines), words
  config.backbone = 'demo'
  replicas.osv5m(tmp_path / 'osv5m_train', 'train')
  assert [line for line in inputs.missing(config) if 'OpenStreetView' in line]
  config.subset = 10
  assert not [line for line in inputs.missing(config) if 'OpenStr' in line]
  config.data.osv5m_train.name = 'tfds:osv5m'
  assert any('prepare_tfds --name=osv5m' in line
             for line in inputs.missing(config))
  assert not inputs.missing(config_file.load('synthetic'))


@pytest.mark.parametrize('spec', ['osv5m', 'commons26', 'synthetic', 'yfcc4k'])
def test_a_plan_has_costs_and_commands(spec, tmp_path):
  config = config_file.load(spec)
  chain = stages.of(config)
  text = plan.text(chain, tmp_path, config, ['the moon'])
  for stage in chain:
    assert f'| {stage.name} | todo |' in text
    assert f'# {stage.name}\npython -m experiments.{stage.binary} --' in text
  assert 'missing: the moon' in text
  if spec == 'osv5m':
    # 210,122 pictures of 1.393 TFLOP at 100 TFLOP/s: 49 minutes.
    assert ('| osv5m | todo | 210,122 | 0.65 | 1.1 | 393 m | 0.81 c | 0.06 c |'
            in text)
    # 12,200 steps of 8,192 of each source read 614 GB.
    row = next(line for line in text.splitlines() if '| embedder' in line)
    assert row.endswith('| 0.26 c | 0.19 c |')


def test_a_subset_is_named_in_every_plan(tmp_path):
  config = config_file.load('im2gps3k:quick')
  config.subset = 500
  text = plan.text(stages.of(config), tmp_path, config, [])
  assert 'subset of 500: at most 500 photos of each data set' in text
  assert '| mp16_pro | todo | 500 |' in text
  assert json.dumps(text).count('--config.data.max_rows=500') == 3


def test_a_product_that_is_gone_is_made_again(worlds):
  chain, base = worlds
  runs.run(chain, base)
  before = chain[0].mark(base).read_bytes()
  shutil.rmtree(chain[0].workdir(base))
  assert runs.state(chain[0], base) == 'todo'
  runs.run(chain, base)
  assert chain[0].mark(base).read_bytes() == before


def test_a_subset_is_spread_over_what_of_a_download_is_there(tmp_path):
  config = config_file.load(f'{TINY_CHAIN}:im2gps3k')
  for name in config.data:
    config.data[name].root = str(tmp_path / name)
    (tmp_path / name).mkdir()
  pictures = list(replicas.mp16_pro(tmp_path / 'mp16_pro', num=60,
                                    cuts=range(4000, 80_000, 4000)))
  replicas.im2gps3k(tmp_path / 'im2gps3k')
  replicas.osv5m(tmp_path / 'osv5m_train', 'train', per_shard=(20, 20, 20))
  slices = sorted((tmp_path / 'mp16_pro').glob('mp-16-images[0-9]*'))
  for path in slices[len(slices) // 2:]:
    path.unlink()
  assert inputs.missing(config)
  config.subset = 12
  assert not inputs.missing(config)
  base = tmp_path / 'stages'
  chain = [stage for stage in stages.of(config) if stage.kind == 'features']
  runs.run(chain, base)
  opened = {stage.name: stores.open_store(stage.product(base))
            for stage in chain}
  assert {name: len(store) for name, store in opened.items()} == {
      'mp16_pro': 12, 'osv5m_train': 12, 'im2gps3k': 6}
  at = [pictures.index(name) for name in opened['mp16_pro'].ids().tolist()]
  # The first half of the tar: every second or third picture that it has.
  assert min(at) < 4 and 15 < max(at) < 40
  assert max(np.diff(sorted(at))) <= 4
  # The same words make nothing new; another subset has stages of its own.
  assert all(runs.state(stage, base) == 'done' for stage in chain)
  config.subset = 10
  assert {stage.name: runs.state(stage, base) for stage in stages.of(config)
          if stage.kind == 'features'} == dict.fromkeys(opened, 'todo')
