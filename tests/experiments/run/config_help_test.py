"""--help lists a config's entries with the comments of its source."""

from experiments.run import config_file, config_help
import pytest


@pytest.mark.parametrize('name', config_file.published())
def test_every_entry_of_every_config_is_listed(name):
  lines = config_help.lines(name)
  for key, value in config_file.flatten(config_file.load(name)).items():
    assert f'  {key} = {value!r}' in lines


def test_comments_stand_above_their_entry():
  lines = config_help.lines('train_embedder')
  def above(key):
    at = next(i for i, line in enumerate(lines) if line.startswith(f'  {key} '))
    return lines[at - 1]
  assert above('data.batch_size') == '  # Of each source.'  # Behind a value.
  assert above('stores.photo').startswith('  # Feature stores;')  # Of a group.
  assert above('model.dtype') == '  # Or bfloat16.'  # In a function.
  assert 'With count > 0 a fold' in above('folds.count')
  assert above('folds.index').startswith('  folds.count')
  assert any('quick=False, seed=0' in line for line in lines)


def test_comments_of_configs_inside_a_config():
  text = '\n'.join(config_help.lines('demo'))
  assert '  # Of each source.\n  embedder.data.batch_size' in text


def test_no_config_no_lines():
  assert config_help.lines('verify') == []
