import types

from flax import linen as nn
import numpy as np
from pinpoint_jax.evals import cue_r2


def test_r2_by_hand_and_of_shown_numbers_only():
  values = np.asarray([[1., 9.], [3., 9.], [5., 2.]])
  shown = np.asarray([[True, False], [True, False], [True, True]])
  named = np.asarray([[1., 0.], [3., 0.], [3., 2.]])
  # Column 0: mean 3, spread 4 + 0 + 4, missed 4; column 1: nothing to spread.
  assert cue_r2.r2(named, values, shown) == 0.5
  assert np.isnan(cue_r2.r2(named, values, np.zeros((3, 2), bool)))
  mean = np.where(shown, values, 0).sum(0) / shown.sum(0)
  assert cue_r2.r2(np.tile(mean, (3, 1)), values, shown) == 0


class _Reader(nn.Module):
  """Names the first two channels of the first pixel."""

  def __call__(self, pixels):
    return pixels[:, 0, 0, :2]


def test_figures_are_by_source_and_cue():
  pixels = np.arange(300 * 3, dtype=np.int64).reshape(300, 1, 1, 3) % 251
  pixels = pixels.astype(np.uint8)
  values = (pixels[:, 0, 0, :2] / 127.5 - 1).astype(np.float32)
  street = np.arange(300) % 2 == 1
  values[street, 1] = np.random.default_rng(0).normal(size=150)
  evaluator = cue_r2.CueR2(
      'held_out', 5, _Reader(), pixels, values, np.ones((300, 2), bool), street,
      {'one': slice(0, 1), 'two': slice(1, 2)})
  figures = evaluator.run(types.SimpleNamespace(ema={}))
  assert set(figures) == {
      'r2', 'r2_photo', 'r2_street', 'r2_photo_one', 'r2_photo_two',
      'r2_street_one', 'r2_street_two'}
  np.testing.assert_allclose(
      [figures[f'r2_{name}'] for name in ('photo', 'photo_two', 'street_one')],
      1, atol=1e-5)
  assert figures['r2_street_two'] < 0.2
  assert abs(figures['r2'] - (figures['r2_photo'] + figures['r2_street']) / 2
             ) < 1e-12
