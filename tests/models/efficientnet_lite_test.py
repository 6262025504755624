"""The network against its plain twin, and what a tile is."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import efficientnet_lite as lite
import pytest

SMALL = lite.EfficientNetLite(
    image_size=(32, 48), stem=8, dim=16, num_classes=5,
    stages=(lite.Stage(1, 8, 1, 3, 1), lite.Stage(6, 12, 2, 5, 2)))


FAST_COMPILE = {'xla_backend_optimization_level': 0}


@pytest.fixture(scope='module')
def params():
  init = lambda key: SMALL.init(key, jnp.ones((1, 16, 24, 3)), method='logits')
  return jax.jit(init, compiler_options=FAST_COMPILE)(jax.random.key(0))


def apply(params, images, method='__call__'):
  run = jax.jit(lambda *args: SMALL.apply(*args, method=method),
                compiler_options=FAST_COMPILE)
  return run(params, images)


def pixels(*shape):
  return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize('side', [1, 3, 5])
@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('height, width', [(8, 8), (7, 9), (1, 10), (2, 3)])
def test_shifted_products_are_a_grouped_convolution(side, stride, height,
                                                    width):
  x, kernel = pixels(2, height, width, 4), pixels(side, side, 4)
  plain = jax.lax.conv_general_dilated(
      x, kernel.reshape(side, side, 1, 4), (stride, stride), 'SAME',
      feature_group_count=4, dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
  ours = lite.depthwise(jnp.asarray(x), jnp.asarray(kernel), stride)
  np.testing.assert_allclose(ours, plain, atol=1e-5)


def test_quadrants_are_read_like_a_page():
  picture = np.zeros((1, 4, 6, 3), np.float32)
  picture[0, :2, 3:] = 1
  picture[0, 2:, :3] = 2
  picture[0, 2:, 3:] = 3
  tiles = np.asarray(lite.quadrants(jnp.asarray(picture)))
  assert tiles.shape == (1, 4, 2, 3, 3)
  for number in range(4):
    assert (tiles[0, number] == number).all()


def test_a_picture_is_the_mean_of_its_quadrants(params):
  images = jnp.asarray(pixels(3, 32, 48, 3))
  whole = apply(params, images)
  each = [apply(params, images[:, y:y + 16, x:x + 24], 'pooled')
          for y in (0, 16) for x in (0, 24)]
  assert whole.shape == (3, 16)
  np.testing.assert_allclose(whole, np.mean(each, axis=0), atol=1e-6)


def test_another_size_is_refused(params):
  with pytest.raises(ValueError, match=r'\(32, 32\) pixels.*\(32, 48\)'):
    apply(params, jnp.zeros((1, 32, 32, 3)))


def test_the_published_stages_have_sixteen_blocks_and_its_parameters():
  model = lite.EfficientNetLite()
  shapes = jax.eval_shape(
      lambda tiles: model.init(jax.random.key(0), tiles, method='logits'),
      jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32))['params']
  assert sum(name.startswith('blocks') for name in shapes) == 16
  # The published network has 4,652,008. Folding leaves one bias of the scale
  # and the shift of each of 21,008 channels.
  count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
  assert count == 4_652_008 - 21_008
