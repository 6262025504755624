"""The stages of a chain: shared where they agree, apart where they differ."""

import pathlib

from experiments import reproduce as binaries
from experiments.configs import reproduce
from experiments.reproduce_stages import stages
from experiments.run import config_file
from experiments.sweeps import items
import pytest

from tests.fixtures import replicas

BASE = pathlib.Path('S')


def chain(spec, **changes):
  config = config_file.load(spec)
  config.update_from_flattened_dict(
      {key.replace('__', '.'): value for key, value in changes.items()})
  return {stage.name: stage for stage in stages.of(config)}


@pytest.mark.parametrize('name, query, task', [
    ('im2gps3k', 'im2gps3k', 'photo'), ('yfcc4k', 'yfcc4k', 'photo'),
    ('commons26', 'commons26', 'photo'), ('osv5m', 'osv5m', 'street')])
def test_each_benchmark_is_one_chain(name, query, task):
  made = chain(name)
  assert set(made) == {
      'mp16_pro', 'osv5m_train', query, 'embedder', 'gallery',
      f'pinpoint_{task}', f'interaction_{task}', f'{query}_same',
      f'{query}_both'}
  assert config_file.as_text(config_file.load(name)) == config_file.as_text(
      config_file.load(f'reproduce:{name}'))
  # Each after those that it takes.
  names = list(made)
  for stage in made.values():
    for some in stage.takes.values():
      for one in some:
        assert names.index(one.name) < names.index(stage.name)


def test_both_task_configurations():
  # The paper: photos are candidates of photos, streets search both sources.
  for name, source in (('im2gps3k', 'same'), ('osv5m', 'both')):
    config = config_file.load(name)
    assert config.rerankers.pinpoint.examples.search_source == source
    assert config.rerankers.pinpoint.objective.loss == 'pairwise_margin'
    assert config.search_sources == ('same', 'both')


def test_benchmarks_share_what_they_have_in_common():
  photo, street = chain('im2gps3k'), chain('osv5m')
  for name in ('mp16_pro', 'osv5m_train', 'embedder', 'gallery'):
    assert photo[name].root(BASE) == street[name].root(BASE)
  assert photo['im2gps3k'].recipe != chain('yfcc4k')['yfcc4k'].recipe


def test_a_change_reaches_what_comes_after_it_alone():
  usual = chain('im2gps3k')
  other = chain('im2gps3k', embedder__train__num_steps=3)
  changed = {name for name in usual
             if usual[name].recipe != other[name].recipe}
  assert changed == {'embedder', 'gallery', 'pinpoint_photo',
                     'interaction_photo', 'im2gps3k_same', 'im2gps3k_both'}
  # How often it saves is not what it is.
  assert chain('im2gps3k', embedder__train__save_every=7)[
      'embedder'].recipe == usual['embedder'].recipe


def test_files_that_are_added_make_another_stage(tmp_path):
  def recipe(root):
    return chain('osv5m', data__osv5m__root=str(root))['osv5m'].recipe
  here, there = tmp_path / 'here', tmp_path / 'there'
  here.mkdir()
  nothing = recipe(here)
  replicas.osv5m(here)
  first = recipe(here)
  (here / 'images/test/02.zip').write_bytes(b'more')
  assert len({nothing, first, recipe(here)}) == 3
  (here / 'images/test/02.zip').unlink()
  here.rename(there)
  assert recipe(there) == first


def test_a_subset_holds_out_enough_and_says_so():
  made = chain('im2gps3k', subset=1000)
  data = made['mp16_pro'].config.data
  assert (data.max_rows, data.evenly, data.options.cut) == (
      1000, True, 'leave_out')
  # 2,000 rows are not to be had of 1,000: a fifth. 4 rounds of 200 queries
  # are 800 examples, of which a batch takes a sixteenth.
  assert made['embedder'].config.validation_percent == 20
  assert made['pinpoint_photo'].config.embedder_split.validation_percent == 20
  assert made['pinpoint_photo'].config.data.batch_size == 50
  assert chain('im2gps3k', subset=50_000)[
      'embedder'].config.validation_percent == 4
  assert chain('im2gps3k')['embedder'].config.validation_percent == 1
  with pytest.raises(ValueError, match='--config=synthetic:quick'):
    chain('synthetic', subset=10)


def test_differences_are_what_a_command_line_sets():
  made = chain('osv5m')['pinpoint_street']
  assert made.spec == 'train_reranker:task=street,kind=pinpoint'
  wanted = stages.differences(made, BASE)
  assert wanted.pop('examples.search_source') == 'both'
  assert set(wanted) == {'embedder', 'gallery', 'stores.street'}
  config = config_file.load(made.spec)
  config.update_from_flattened_dict(
      stages.differences(made, BASE))
  assert config_file.as_text(config) == config_file.as_text(
      made.filled_in(BASE))


def test_items_of_a_sweep_share_the_stages_that_they_agree_in(tmp_path):
  binary, listed = items.load(
      str(config_file.path_of('yfcc4k')), config_file.load('yfcc4k'), {},
      tmp_path)
  assert (binary, len(listed)) == ('experiments.reproduce', 4)
  assert {binaries.folder_of_stages(item.config, item.folder)
          for item in listed} == {tmp_path / 'stages'}
  chains = [{stage.name: stage.recipe for stage in stages.of(item.config)}
            for item in listed]
  assert len({made['mp16_pro'] for made in chains}) == 1
  assert len({made['embedder'] for made in chains}) == 4


def test_names_of_benchmarks():
  assert reproduce.get_config().benchmark == 'synthetic'
  with pytest.raises(ValueError, match='im2gps3k and osv5m: name one'):
    reproduce.get_config('osv5m,im2gps3k')
