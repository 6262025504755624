import pathlib
import subprocess
import sys

from input_pipeline.feature_earth import settings
from input_pipeline.picture_earth import independent
from input_pipeline.picture_earth import scene as scenes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def many():
  return independent._scenes(0, np.arange(4000))


def test_a_picture_is_the_same_alone_and_in_any_batch():
  batch = independent.pictures(5, np.asarray([9, 2, 3]))
  alone = independent.pictures(5, np.asarray([3]))
  for name in ('pixels', 'values', 'shown', 'is_street'):
    np.testing.assert_array_equal(getattr(batch, name)[2:],
                                  getattr(alone, name))
  assert len(batch) == 3 and batch.is_street.tolist() == [True, False, True]
  assert batch.values.shape == batch.shown.shape == (3, 94)
  assert batch.values.dtype == np.float32
  other = independent.pictures(6, np.asarray([3]))
  assert (other.values != alone.values).any()


def test_numbers_are_independent_of_each_other_and_of_what_is_shown(many):
  values, strengths, _ = many
  assert abs(values.mean()) < 0.01 and abs(values.std() - 1) < 0.01
  alike = np.corrcoef(np.concatenate([values, strengths > 0], 1).T)
  np.fill_diagonal(alike, 0)
  # Blind photos show nothing: cues are shown together a little.
  assert np.abs(alike[:94]).max() < 0.08


def test_rates_lie_half_way_to_one_half(many):
  _, strengths, drawn = many
  street = np.arange(len(strengths)) % 2 == 1
  wanted = [(cue.shown_street + 0.5) / 2 for cue in settings.CUES]
  np.testing.assert_allclose((strengths[street] > 0).mean(0), wanted, atol=0.04)
  wanted = [0.95 * (cue.shown_photo + 0.5) / 2 for cue in settings.CUES]
  np.testing.assert_allclose((strengths[~street] > 0).mean(0), wanted,
                             atol=0.04)
  assert strengths.max() <= 1.4 and strengths[strengths > 0].min() >= 0.6
  assert [scene.source for scene in drawn[:2]] == ['photo', 'street']
  assert 0.03 < np.mean([scene.blind for scene in drawn[::2]]) < 0.07


def test_a_hidden_number_leaves_no_trace():
  # Of the picture at the same index; only its hidden values differ.
  made = independent._scenes(1, np.arange(2))
  values, strengths, drawn = made
  for i, scene in enumerate(drawn):
    hidden = np.repeat(strengths[i] == 0, [c.num_dims for c in settings.CUES])
    again = scenes.scene(
        scene.source, np.where(hidden, 0, values[i]), strengths[i],
        np.concatenate([scene.chances[part] for part in scenes.PARTS]),
        np.asarray(scene.camera), scene.blind, scene.serial)
    assert hidden.any() and again == scene


def test_another_process_draws_the_same_pixels():
  code = ('import hashlib, numpy as np;'
          'from input_pipeline.picture_earth import independent;'
          'p = independent.pictures(0, np.arange(8));'
          'print(hashlib.sha256(p.pixels.tobytes()).hexdigest())')
  results = {subprocess.run(
      [sys.executable, '-c', code], cwd=ROOT, check=True, capture_output=True,
      text=True, env={'PYTHONHASHSEED': seed, 'PYTHONPATH': str(ROOT)}).stdout
      for seed in ('1', '2')}
  assert len(results) == 1
