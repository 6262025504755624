"""What train_cue_backbone exports is a backbone like any other."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk import model_dir
from pinpoint_jax.features import backbones
from pinpoint_jax.models import convnet, convnet_files
from pinpoint_jax.pretrained import convnet_backbone
import pytest

MODEL = convnet.ConvNet(image_size=(32, 32), widths=(8, 8), depths=(0, 0),
                        num_heads=2, head_dim=4, dim=6)


@pytest.fixture(scope='module')
def params():
  return jax.jit(MODEL.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))


@pytest.fixture(scope='module')
def exported(params, tmp_path_factory):
  folder = tmp_path_factory.mktemp('exported') / 'tiny_net'
  convnet_files.save(folder, MODEL, params['params'], '# card')
  return folder


def test_it_gives_the_features_of_the_model(exported):
  backbone = backbones.load(str(exported), devices=jax.local_devices()[:1])
  assert backbone.name == 'tiny_net' and backbone.dim == 6
  assert len(backbone.weight_hash) == 64
  pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
  trained = convnet_files.load(exported)
  expected = jax.jit(trained.model.apply)(
      {'params': trained.params}, convnet.unit_range(jnp.asarray(pixels)))
  np.testing.assert_allclose(backbone.apply(pixels), expected, rtol=0,
                             atol=1e-5)


def test_half_the_bits_change_features_by_a_thousandth(params, exported):
  pixels = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)
  whole = np.asarray(jax.jit(MODEL.apply)(
      params, convnet.unit_range(jnp.asarray(pixels))))
  backbone = backbones.load(str(exported), devices=jax.local_devices()[:1])
  change = np.linalg.norm(np.asarray(backbone.apply(pixels)) - whole, axis=1)
  # Weights are rounded by up to 2⁻¹¹, a two-thousandth, each its own way.
  assert (change > 0).all()
  assert (change < 1e-3 * np.linalg.norm(whole, axis=1)).all()


def test_the_shipped_backbone_is_small_and_whole():
  assert model_dir.verify(backbones.DEMO)['bytes'] < 8e6
  shipped = backbones.load('demo', devices=jax.local_devices()[:1])
  assert shipped.name == 'demo' and shipped.dim == 256
  assert shipped.preprocess.startswith('resize(96)')


def test_what_does_not_fit_is_refused(exported):
  with pytest.raises(ValueError, match='does not give the .32, 32. pixels'):
    convnet_backbone.load(exported, 'resize(16)')
  with pytest.raises(ValueError, match="attention 'cudnn': .*no attention"):
    backbones.load(str(exported), attention='cudnn')


def test_other_folders_are_none(tmp_path):
  assert not convnet_backbone.is_there(tmp_path)
  for text in ('{', '[]', '{"model_type": "siglip"}'):
    (tmp_path / 'config.json').write_text(text)
    assert not convnet_backbone.is_there(tmp_path)
