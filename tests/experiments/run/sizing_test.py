"""A default batch larger than the rows gives a run that fits them."""

from experiments.configs import crossval, train_embedder
from experiments.run import config_file, sizing
import pytest


def test_defaults_become_those_of_crossval_and_choices_stay(capsys):
  config = train_embedder.get_config()
  config.model.hidden = 77
  sized = sizing.fit(config, {'photo': 600, 'street': 40})
  expected = crossval.get_config('rows=600')
  assert sized.data.batch_size == expected.data.batch_size <= 300
  assert sized.model.trunk_depth == 0 and sized.model.hidden == 77
  assert sized.train.num_steps == expected.train.num_steps
  # Neither what is learned nor when it is evaluated follows from the rows.
  assert sized.objective.targets == config.objective.targets
  assert sized.eval == config.eval and sized.train.save_every == 1000
  said = capsys.readouterr().out
  assert said.startswith('note: 600 photo, 40 street rows to train on are')
  assert f'data.batch_size={sized.data.batch_size}' in said
  assert config.data.batch_size == 8192, 'the caller’s config stays'


def test_what_fits_is_left_alone(capsys):
  config = train_embedder.get_config('quick')
  assert sizing.fit(config, {'photo': 256}) is config
  assert not capsys.readouterr().out


def test_a_batch_that_somebody_chose_is_refused():
  config = train_embedder.get_config()
  config.data.batch_size = 5000
  with pytest.raises(ValueError, match='5000: there are 300 photo rows to '
                     'train on; set at most 300'):
    sizing.fit(config, {'photo': 300})


def test_the_sized_config_is_reproducible():
  texts = {config_file.as_text(sizing.fit(
      train_embedder.get_config(), {'photo': 600})) for _ in range(2)}
  assert len(texts) == 1
