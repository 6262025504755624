"""What one undisturbed run writes, and what it refuses before it works."""

import numpy as np
from pinpoint_jax.models import embedder_files, encoding
import pytest

from tests.fixtures import tiny_training

pytestmark = pytest.mark.slow


def test_model_directory_is_read_back(trained):
  result = embedder_files.load(trained / 'model')
  assert result.model.dim == 8 and result.model.hidden == 16
  assert result.inputs['street']['backbone'] == 'tiny/backbone'
  features = np.ones((2, 16), np.float32)
  z = encoding.Encoder(result.model).images(result.params, 'photo', features)
  np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1, atol=1e-5)


def test_card_tells_the_data_and_the_figures(trained):
  card = (trained / 'model' / 'README.md').read_text()
  assert 'photo: 270 rows, features of tiny/backbone after `resize:8`' in card
  assert 'last 10.0 % were held out' in card
  figures = tiny_training.figures(trained)
  km = figures['validation_street/median_km']
  assert f'| validation_street/median_km | {km:.4g} |' in card
  assert figures == {
      name: value
      for name, value in tiny_training.evaluations(trained)[-1].items()
      if name != 'step'
  }


def test_each_line_tells_where_the_time_went(trained):
  result = [line for line in tiny_training.lines(trained) if 'loss' in line]
  assert len(result) == tiny_training.STEPS
  for line in result:
    assert line['samples_per_s'] > 0
    assert 0 < line['goodput'] < 1 and 0 <= line['data_wait'] < 1
    assert line['compile_s'] > 0 and line['wall_s'] > line['compile_s']
  assert [line['step'] for line in tiny_training.evaluations(trained)] == [2,
                                                                           4, 6]
  last = result[-1]
  print(f'saves block the host {last["save_s"] / last["wall_s"]:.1%} of '
        f'{last["wall_s"]} s')
  assert 0 < last['save_s'] < last['wall_s']


def test_finished_run_again_changes_nothing(stores, trained):
  before = {path: path.read_bytes() for path in
            (trained / 'metrics.jsonl', trained / 'figures.json',
             *(trained / 'model').iterdir())}
  done = tiny_training.run(stores, trained)
  assert done.returncode == 0, done.stderr
  assert f'going on after step {tiny_training.STEPS}' in done.stdout
  assert 'loss=' not in done.stdout, 'no step is made again'
  assert {path: path.read_bytes() for path in before} == before


def test_one_source_alone(stores, tmp_path):
  done = tiny_training.run({'photo': stores['photo']}, tmp_path / 'w',
                           "--config.model.sources=('photo',)",
                           '--config.eval.every=0')
  assert done.returncode == 0, done.stderr
  assert 'loss_street' not in tiny_training.lines(tmp_path / 'w')[0]
  result = embedder_files.load(tmp_path / 'w' / 'model')
  assert result.model.sources == ('photo',) and set(result.inputs) == {'photo'}


@pytest.mark.parametrize('word, complaint', [
    ('--config.optimizer.learning_rat=1', 'did you mean --config.optimizer.le'),
    ('--config.train.num_steps=many', '--config.train.num_steps=many'),
    ('--config.optimizer.learning_rate=nan', 'must be a finite number'),
    ('config.seed=3', 'did you mean --config.seed=3'),
])
def test_bad_words_are_refused_before_any_work(stores, tmp_path, word,
                                               complaint):
  done = tiny_training.run(stores, tmp_path / 'w', word)
  assert done.returncode == 2 and complaint in done.stderr
  assert done.stderr.count('\n') == 1 and not (tmp_path / 'w').exists()


@pytest.mark.parametrize('words, complaint', [
    (('--config.stores.street=',), '--config.stores.street is empty: name a '),
    (('--config.model.dtype=float16',), "choices are ['bfloat16', 'float32']"),
    (('--config.distributed.num_processes=2',), 'coordinator is empty'),
])
def test_bad_values_are_refused_in_one_line(stores, tmp_path, words, complaint):
  done = tiny_training.run(stores, tmp_path / 'w', *words)
  assert done.returncode == 1 and complaint in done.stderr
  assert done.stderr.count('\n') == 1 and not done.stdout


SOLVED = ('--config.model.linear=True', '--config.train.num_steps=0',
          '--config.model.location_options.cells_km=(5000.0,50.0)',
          '--config.model.location_options.num_slots=64')


def test_what_is_solved_needs_no_step(tmp_path):
  spots = tiny_training.make_stores(tmp_path / 's', num_spots=20)
  done = tiny_training.run(spots, tmp_path / 'w', *SOLVED)
  assert done.returncode == 0, done.stderr
  assert 'solved before the first step: linear_photo/bias, ' in done.stdout
  # Twenty places told by their features, of which most are named at once.
  assert tiny_training.figures(tmp_path / 'w')['validation_photo/acc@25km'] > .8
  assert np.asarray(embedder_files.load(
      tmp_path / 'w' / 'model').params['linear_photo']['kernel']).any()


def test_no_step_and_nothing_solved_is_refused(stores, tmp_path):
  done = tiny_training.run(stores, tmp_path / 'w', '--config.train.num_steps=0')
  assert done.returncode == 1 and 'num_steps=0: must be at' in done.stderr
