"""Preprocessing strings mean one thing and refuse the rest."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import preprocess
import pytest

HAS_OPENCV = importlib.util.find_spec('cv2') is not None


def test_ops_apply_left_to_right():
  image = np.full((30, 50, 3), 255, np.uint8)
  small = preprocess.parse('resize(8)|unit_range')(image)
  assert small.shape == (8, 8, 3)
  assert small.dtype == np.float32
  assert (small == 1).all()


def test_resize_is_antialiased():
  # A one-pixel chequerboard must become grey, not a sample of its pixels.
  board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
  small = preprocess.parse('resize(8)')(np.repeat(board[..., None], 3, -1))
  assert np.abs(small.astype(int) - 127).max() <= 4


@pytest.mark.parametrize('ops, complaint', [
    ('rezise(64)', "no op 'rezise'.*resize"),
    ('resize(__import__("os"))', 'arguments are literals'),
    ('resize', 'missing'),
    ('', 'cannot read'),
])
def test_bad_strings_are_refused(ops, complaint):
  with pytest.raises(ValueError, match=complaint):
    preprocess.parse(ops)


@pytest.mark.parametrize('ops, complaint', [
    ("resize(8, 'lanczos')", "'lanczos'; choices are.*bicubic"),
    ('resize(0)', 'positive number'),
    ('resize((8, 8, 3))', 'positive number'),
    ('normalize(0.5, 0)', 'must be positive'),
])
def test_bad_arguments_are_refused(ops, complaint):
  with pytest.raises(ValueError, match=complaint):
    preprocess.parse(ops)


@pytest.mark.parametrize('height, width, expected', [
    (61, 43, (34, 24)), (43, 61, (24, 34)), (50, 50, (24, 24))])
def test_resize_short_rounds_the_longer_edge_down(height, width, expected):
  image = np.zeros((height, width, 3), np.uint8)
  small = preprocess.parse("resize_short(24, 'bicubic')")(image)
  assert small.shape[:2] == expected


def test_center_crop_takes_the_middle_and_pads_with_black():
  image = np.arange(1, 6, dtype=np.uint8)[:, None, None].repeat(5, 1)
  image = image.repeat(3, 2)
  crop = preprocess.parse('center_crop((2, 9))')(image)
  assert crop[:, 4, 0].tolist() == [2, 3]
  assert crop[0, :, 0].tolist() == [0, 0, 2, 2, 2, 2, 2, 0, 0]


def test_normalize_by_hand():
  image = np.full((2, 2, 3), 255, np.uint8)
  out = preprocess.parse('unit_range|normalize((0.5, 0, 1), (0.5, 2, 1))')(
      image)
  np.testing.assert_allclose(out[0, 0], [1, 0.5, 0])
  assert out.dtype == np.float32


def test_split_halves_make_the_whole():
  ops = "resize_short(20, 'bicubic') | center_crop(16)|unit_range|" \
        'normalize(0.5, 0.5)'
  halves = preprocess.split(ops)
  assert halves == preprocess.Halves(
      "resize_short(20, 'bicubic')|center_crop(16)",
      'unit_range|normalize(0.5, 0.5)')
  rng = np.random.default_rng(0)
  photos = rng.integers(0, 256, (2, 31, 45, 3), np.uint8)
  pixels = np.stack([preprocess.parse(halves.pixels)(p) for p in photos])
  assert pixels.dtype == np.uint8
  # The float half takes batches, and arrays on a device.
  values = preprocess.parse(halves.values)(jnp.asarray(pixels))
  assert isinstance(values, jax.Array)
  whole = np.stack([preprocess.parse(ops)(p) for p in photos])
  np.testing.assert_allclose(values, whole, atol=1e-6)


def test_an_empty_half_is_no_ops():
  assert preprocess.split('resize(4)').values == ''
  assert preprocess.split('unit_range').pixels == ''
  with pytest.raises(ValueError, match='cannot read'):
    preprocess.parse('')


def test_bytes_come_before_floats():
  with pytest.raises(ValueError, match='must come before'):
    preprocess.split('unit_range|resize(8)')


def test_output_size_and_its_change():
  ops = "resize_short(256, 'bicubic')|center_crop(224)|unit_range"
  assert preprocess.output_size(ops) == (224, 224)
  assert preprocess.with_output_size(ops, (448, 448)) == (
      "resize_short(512, 'bicubic')|center_crop(448)|unit_range")
  with pytest.raises(ValueError, match='depends on the image'):
    preprocess.output_size('resize_short(256)')


@pytest.mark.skipif(HAS_OPENCV, reason='OpenCV is installed')
def test_resize_area_without_opencv_names_the_extra():
  with pytest.raises(ImportError, match=r'pinpoint_jax\[fast\]'):
    preprocess.parse('resize_area(8)')


@pytest.mark.skipif(not HAS_OPENCV, reason='needs pinpoint_jax[fast]')
def test_resize_area_averages():
  image = np.zeros((8, 16, 3), np.uint8)
  image[:, 8:] = 200
  small = preprocess.parse('resize_area((1, 4))')(image)
  assert small[0, :, 0].tolist() == [0, 0, 200, 200]


@pytest.mark.parametrize('ops', [
    "resize(8, 'bicubic')", "resize((5, 9))|unit_range",
    "resize_short(8)|center_crop(6)", 'center_crop(12)'])
def test_a_pillow_picture_gives_the_same_as_its_pixels(ops):
  pixels = np.random.default_rng(0).integers(0, 256, (17, 23, 3), np.uint8)
  apply = preprocess.parse(ops)
  np.testing.assert_array_equal(apply(PilImage.fromarray(pixels)),
                                apply(pixels))
