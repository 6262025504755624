import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk.weights import WeightsError
from pinpoint_jax.models import convnet, convnet_files
import pytest

SMALL = dict(image_size=(32, 32), widths=(8, 8), depths=(0, 1), num_heads=2,
             head_dim=4, dim=6)


@pytest.fixture(scope='module')
def small():
  model = convnet.ConvNet(**SMALL)
  params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
  return model, params['params']


def features(model, params, pictures):
  return jax.jit(model.apply)({'params': params}, pictures)


def images(num, seed=0):
  return jax.random.uniform(jax.random.key(seed), (num, 32, 32, 3), minval=-1)


def test_the_shipped_size_has_two_million_parameters():
  model = convnet.ConvNet()
  shapes = jax.eval_shape(model.init, jax.random.key(0),
                          jnp.zeros((1, 96, 96, 3)))
  size = sum(leaf.size for leaf in jax.tree.leaves(shapes))
  assert 1.8e6 < size < 2.2e6
  assert 2 * size < 8e6  # Bytes, as float16.


def test_a_feature_does_not_depend_on_its_batch(small):
  model, params = small
  pictures = images(3)
  whole = features(model, params, pictures)
  assert whole.shape == (3, 6) and whole.dtype == jnp.float32
  alone = features(model, params, pictures[1:2])
  np.testing.assert_allclose(whole[1:2], alone, rtol=0, atol=1e-5)
  assert np.abs(whole[0] - whole[1]).max() > 1e-3


def test_other_sizes_are_refused(small):
  model, params = small
  with pytest.raises(ValueError, match=r'takes \(32, 32\)'):
    model.apply({'params': params}, jnp.zeros((1, 16, 16, 3)))


def test_pixels_fill_the_unit_range():
  pixels = jnp.asarray([[[[0, 255, 51]]]], jnp.uint8)
  np.testing.assert_allclose(convnet.unit_range(pixels).ravel(),
                             [-1, 1, -0.6], atol=1e-6)


def test_saved_and_read_it_gives_the_same_features(small, tmp_path):
  model, params = small
  fingerprint = convnet_files.save(tmp_path / 'm', model, params, '# card')
  loaded = convnet_files.load(tmp_path / 'm')
  assert loaded.model == model and loaded.fingerprint == fingerprint
  half = jax.tree.map(
      lambda x: np.asarray(x, np.float16).astype(np.float32), params)
  jax.tree.map(np.testing.assert_array_equal, loaded.params, half)
  np.testing.assert_allclose(
      features(model, loaded.params, images(2)),
      features(model, params, images(2)), rtol=0, atol=0.02)


def test_a_directory_of_other_shapes_is_refused(small, tmp_path):
  model, params = small
  wider = dict(SMALL, dim=7)
  convnet_files.save(tmp_path / 'm', convnet.ConvNet(**wider), params, '')
  with pytest.raises(WeightsError, match='feature/kernel'):
    convnet_files.load(tmp_path / 'm')


def test_a_feature_tells_how_light_a_picture_is(small):
  # A norm between the stages would give both greys the same inside.
  model, params = small
  greys = jnp.ones((2, 32, 32, 3)) * jnp.asarray(
      [0.2, 0.4])[:, None, None, None]
  dark, light = features(model, params, greys)
  assert np.abs(light - dark).max() > 0.05 * np.abs(light).max()
