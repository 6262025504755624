"""The trainer of the drawn pictures' backbone: trains, resumes, exports."""

import itertools
import json

from experiments import train_cue_backbone
from experiments.configs import train_cue_backbone as configs
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import convnet_files
from pinpoint_jax.train import loop
import pytest

pytestmark = pytest.mark.slow
STEPS = 6


def config(**changes):
  quick = configs.get_config('quick')
  quick.train.update(num_steps=STEPS, log_every=1)
  quick.eval.every = 3
  quick.mesh.data = 1
  quick.update_from_flattened_dict(changes)
  return quick


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('whole')
  train_cue_backbone.train(config(), workdir)
  return workdir


def lines(workdir):
  text = (workdir / 'metrics.jsonl').read_text()
  return [{name: value for name, value in json.loads(line).items()
           if name == 'loss' or name.startswith('held_out')}
          for line in text.splitlines()]


def test_a_run_ends_with_figures_and_a_model(trained):
  figures = json.loads((trained / 'figures.json').read_text())
  assert {'held_out/r2', 'held_out/r2_photo', 'held_out/r2_street_town'
          } <= set(figures)
  loaded = convnet_files.load(trained / 'model')
  features = loaded.model.apply({'params': loaded.params},
                                jnp.zeros((2, 96, 96, 3)))
  assert features.shape == (2, 16)
  card = (trained / 'model' / 'README.md').read_text()
  scores = [line['held_out/r2'] for line in lines(trained)
            if 'held_out/r2' in line]
  step = 3 * (1 + scores.index(max(scores)))
  assert f'{16 * step} pictures' in card and 'street town' in card


def test_stopped_and_continued_it_is_the_same_run(trained, tmp_path):
  calls = itertools.count()
  with pytest.raises(loop.Interrupted, match='stopped after step 4'):
    train_cue_backbone.train(config(), tmp_path,
                             stopping=lambda: next(calls) == 4)
  train_cue_backbone.train(config(), tmp_path)
  assert lines(tmp_path) == lines(trained)
  whole, halves = (convnet_files.load(folder / 'model')
                   for folder in (trained, tmp_path))
  assert whole.fingerprint == halves.fingerprint
  jax.tree.map(np.testing.assert_array_equal, whole.params, halves.params)


def test_held_out_pictures_are_of_another_seed(tmp_path):
  with pytest.raises(ValueError, match='eval.seed=0.*give another'):
    train_cue_backbone.train(config(**{'eval.seed': 0}), tmp_path)
