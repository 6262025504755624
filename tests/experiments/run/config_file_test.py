"""Every published config is frozen; bad config words name the way out."""

import pathlib

from experiments.configs import common, demo, evaluate
from experiments.run import config_file
import pytest

CONFIGS = pathlib.Path(config_file.__file__).parents[1] / 'configs'
PUBLISHED = sorted(path.stem for path in CONFIGS.glob('*.py')
                   if path.stem not in ('__init__', 'common'))


@pytest.mark.parametrize('name', PUBLISHED)
@pytest.mark.parametrize('arg', ['', ':quick'])
def test_golden_config(name, arg, golden):
  config = config_file.load(f'{CONFIGS}/{name}.py{arg}')
  kind = 'quick' if arg else 'full'
  golden(f'configs/{name}.{kind}.txt', config_file.as_text(config))


def test_a_config_is_read_back_from_its_text():
  config = evaluate.get_config()
  config.update_from_flattened_dict({
      'region': 'circle:1,2,3', 'filters': ('none',), 'raw_temperature': 5.5,
      'fusion.photo': '8,6,8', 'leave_one_out': False})
  text = config_file.as_text(config)
  again = config_file.from_text(text, evaluate.get_config(), 'c.txt')
  assert config_file.as_text(again) == text
  for bad, complaint in (('colour = 1', "'colour' is no entry"),
                         ('seed = 1 +', 'seed = 1 \\+ cannot be read'),
                         ("seed = 'x'", "seed = 'x' cannot be read")):
    with pytest.raises(ValueError, match=f'c.txt: {complaint}'):
      config_file.from_text(bad, evaluate.get_config(), 'c.txt')


def test_arguments_are_typed_by_their_defaults():
  arg = common.parse_arg('b,n=3,x=0.5,s=hi', b=False, n=1, x=1.0, s='')
  assert arg.to_dict() == {'b': True, 'n': 3, 'x': 0.5, 's': 'hi'}
  assert common.parse_arg('b=false', b=True).b is False
  assert common.parse_arg(None, n=1).n == 1


@pytest.mark.parametrize('text, complaint', [
    ('quik', "nearest is 'quick'"),
    ('seed=x', "seed='x' is not of type int"),
    ('seed=1.5', 'not of type int'),
    ('quick=maybe', 'not of type bool'),
])
def test_a_bad_argument_is_refused(text, complaint):
  with pytest.raises(ValueError, match=complaint):
    demo.get_config(text)


def test_a_missing_file_points_to_the_published_ones():
  with pytest.raises(ValueError, match='published configs: audit_leakage'):
    config_file.load('nowhere.py')


def test_unknown_key_suggests_the_nearest():
  config = demo.get_config()
  with pytest.raises(
      ValueError, match=r'did you mean --config\.pixels\.processes\?'):
    config_file.check_override_names(config, ['--config.pixels.proceses=3'])
  config_file.check_override_names(config, ['--config.pixels.processes=3'])


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_numbers_must_be_finite(value):
  config = demo.get_config()
  with config.unlocked():
    config.lr = value
  with pytest.raises(ValueError, match='config.lr'):
    config_file.check_numbers(config)


def test_a_file_without_get_config_is_no_config(tmp_path):
  (tmp_path / 'c.py').write_text('seed = 1\n')
  with pytest.raises(ValueError, match=r'defines no get_config\(arg\)'):
    config_file.load(str(tmp_path / 'c.py'))


def test_a_number_hidden_in_a_tuple_must_be_finite_too():
  config = demo.get_config()
  with config.unlocked():
    config.betas = (0.9, float('nan'))
  with pytest.raises(ValueError, match='config.betas'):
    config_file.check_numbers(config)


@pytest.mark.parametrize('word', [
    '--config.galleries.3=x', '--config.nothing=1', '-config.seeds=1',
    '--config.seed.low=1'])
def test_overrides_of_what_is_not_there_are_refused(word):
  with pytest.raises(ValueError, match='no key'):
    config_file.check_override_names(demo.get_config(), [word])


@pytest.mark.parametrize('word', [
    '--config.seed=1', '-config.seed=1', '--workdir=w', '--config=x.py',
    'config.nothing=1'])
def test_other_words_are_none_of_its_business(word):
  # Stray words are the launcher's to refuse.
  config_file.check_override_names(demo.get_config(), [word])
