from input_pipeline.feature_earth import settings
from input_pipeline.picture_earth import scene as scenes
from input_pipeline.picture_earth import tones
import numpy as np


def make(strengths):
  values = np.arange(scenes.NUM_CUES) / 10
  return scenes.scene(
      'photo', values, strengths, np.arange(scenes.NUM_CONTENT) / 100,
      np.zeros(scenes.NUM_CAMERA), False, 3)


def test_columns_are_those_of_the_world():
  assert scenes.NUM_CUES == 94
  assert scenes.COLUMNS['climate'] == slice(0, 6)
  assert scenes.COLUMNS['sight'] == slice(78, 94)


def test_only_shown_cues_are_in_a_scene():
  strengths = np.zeros(len(settings.CUES))
  strengths[[1, 11]] = 1.0, 1.4
  scene = make(strengths)
  assert list(scene.cues) == ['vegetation', 'sight']
  # 0.6, …, 1.1 of 2.5 standard deviations.
  np.testing.assert_allclose(scene.cues['vegetation'].numbers,
                             np.arange(6, 12) / 25)
  assert scene.cues['sight'].numbers == (1.0,) * 16
  assert abs(scene.cues['vegetation'].size - 1) < 1e-12
  assert abs(scene.cues['sight'].size - 1.12) < 1e-12
  assert scene.chances['vegetation'] == (0.04, 0.05, 0.06, 0.07)


def test_tones_are_linear_and_their_axes_apart():
  base = (0.5, 0.5, 0.5)
  axes = np.asarray([np.subtract(tones.tone(base, *numbers), base)
                     for numbers in np.eye(3)])
  both = np.subtract(tones.tone(base, 0.5, -1.0, 2.0), base)
  np.testing.assert_allclose(both, [0.5, -1.0, 2.0] @ axes, atol=1e-12)
  unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
  assert np.abs(unit @ unit.T - np.eye(3)).max() < 0.15
