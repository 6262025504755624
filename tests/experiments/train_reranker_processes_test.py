"""Several processes make examples and train on them as one alone."""

import shutil

import numpy as np
import pytest

from tests.fixtures import tiny_reranker
from tests.fixtures import tiny_training as tiny
from tests.fixtures.processes import ended, kill_at

pytestmark = pytest.mark.slow
# Parts of so few queries that each of four processes makes some.
_WORDS = ('--config.columns=("own", "density")', '--config.model.hidden=8',
          '--config.model.projections=4', '--config.ridge.centres=0',
          '--config.model.use_support=True', '--config.train.save_every=1')
_HOW = {'kind': 'interaction', 'PART': '4'}


def parts(workdir):
  """When each part of the examples was written."""
  return {path.parent.name: path.stat().st_mtime_ns
          for path in (workdir / 'shortlists' / 'train').glob('*/rows.npy')}


@pytest.mark.long
def test_one_of_four_dies_two_go_on_as_one_alone(world, tmp_path):
  alone, together = tmp_path / 'alone', tmp_path / 'together'
  done = tiny_reranker.run(world, alone, *_WORDS, devices=4,
                           module=tiny_reranker.SIGNALLED, **_HOW)
  assert done.returncode == 0, done.stderr
  # While examples are made each of four dies at its first part.
  ended(tiny_reranker.start_several(4, world, together, *_WORDS,
                                    SIGNAL_AT='KILL:part:1', **_HOW))
  kept = parts(together)
  assert 1 <= len(kept) <= 4
  four = tiny_reranker.start_several(
      4, world, together, *_WORDS, PACE='0.5', **_HOW)
  kill_at(four, 'step 4/', victim=2)
  before, made = tiny.steps(together)[-1], parts(together)
  assert 2 <= before < tiny.STEPS
  assert parts(alone).keys() == made.keys() and len(made) >= 8
  assert kept.items() <= made.items()
  # One lost part is made again, by whomever it falls to now.
  shutil.rmtree(together / 'shortlists' / 'train' / 'part_00001')
  (first, said, errors), (second, silent, _) = ended(
      tiny_reranker.start_several(2, world, together, *_WORDS, devices=2,
                                  **_HOW))
  assert first == second == 0, errors
  assert f'going on after step {before}' in said and not silent
  assert {name for name, when in parts(together).items()
          if when != made[name]} == {'part_00001'}
  np.testing.assert_allclose(tiny.curve(together), tiny.curve(alone), rtol=1e-6)
  assert tiny.evaluations(together) == tiny.evaluations(alone)
