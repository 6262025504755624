from input_pipeline.feature_earth import randomness
import numpy as np


def test_uniform_bits_look_uniform():
  values = randomness.uniform('test', np.arange(100_000))
  assert abs(values.mean() - 0.5) < 0.005
  assert abs(np.histogram(values, 10, (0, 1))[0] / 1e4 - 1).max() < 0.05
  bell = randomness.bell('test', np.arange(100_000))
  assert abs(bell.mean()) < 0.02 and abs(bell.std() - 1) < 0.02
  assert np.corrcoef(values[:-1], values[1:])[0, 1] < 0.02


def test_zipf_weights():
  # Weights 1/1, 1/2, 1/3 of 11/6: 6/11, 3/11, 2/11.
  ranks = randomness.zipf(3, 1, 'test', np.arange(100_000))
  np.testing.assert_allclose(
      np.bincount(ranks) / 1e5, [6 / 11, 3 / 11, 2 / 11], atol=0.01)
