"""Every mode has a defined value; every broken file a reason."""

import io
import struct
import time
import zlib

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import decode
import pytest


def encoded(picture, kind='PNG', **kwargs):
  out = io.BytesIO()
  picture.save(out, kind, **kwargs)
  return out.getvalue()


def photo(width=40, height=30):
  rng = np.random.default_rng(0)
  return PilImage.fromarray(
      rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def first_pixel(picture, kind='PNG', **kwargs):
  return decode.decode(encoded(picture, kind, **kwargs)).pixels[0, 0].tolist()


def test_png_is_exact():
  found = decode.decode(encoded(photo()))
  np.testing.assert_array_equal(found.pixels, np.asarray(photo()))
  assert found.notes == () and found.exif_latlng_deg is None


@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientations_give_the_upright_image_exactly(orientation):
  upright = np.asarray(photo())
  # How a camera turned that way would have stored the pixels (EXIF 2.3).
  stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1],
            4: upright[::-1], 5: upright.swapaxes(0, 1),
            6: np.rot90(upright, 1), 7: np.rot90(upright, 2).swapaxes(0, 1),
            8: np.rot90(upright, -1)}[orientation]
  exif = PilImage.Exif()
  exif[0x0112] = orientation
  data = encoded(PilImage.fromarray(np.ascontiguousarray(stored)), exif=exif)
  np.testing.assert_array_equal(decode.decode(data).pixels, upright)


def test_defined_conversions():
  grey16 = PilImage.fromarray(np.full((2, 2), 32768, np.uint16))
  assert all(abs(v - 127.5) <= 1 for v in first_pixel(grey16))
  assert first_pixel(PilImage.new('RGBA', (2, 2), (255, 0, 0, 0))) == [128] * 3
  assert first_pixel(PilImage.new('LA', (2, 2), (9, 255))) == [9] * 3
  assert first_pixel(PilImage.new('1', (2, 2), 1)) == [255] * 3
  palette = PilImage.new('RGB', (2, 2), (7, 8, 9)).convert(
      'P', palette=PilImage.Palette.ADAPTIVE)
  assert first_pixel(palette) == [7, 8, 9]
  white = PilImage.new('CMYK', (8, 8), (0, 0, 0, 0))
  assert first_pixel(white, 'JPEG') == [255] * 3
  half = PilImage.fromarray(np.full((2, 2), 0.5, np.float32))
  assert all(abs(v - 127.5) <= 1 for v in first_pixel(half, 'TIFF'))


def test_first_frame_of_an_animation_is_recorded():
  frames = [PilImage.new('RGB', (4, 4), colour) for colour in ('red', 'blue')]
  data = encoded(frames[0], 'GIF', save_all=True, append_images=frames[1:])
  found = decode.decode(data)
  assert found.pixels[0, 0].tolist() == [255, 0, 0]
  assert found.notes == ('first frame of 2',)


@pytest.mark.parametrize('data, reason', [
    (b'', 'empty'), (b'<html><body>gone</body></html>', 'not_an_image'),
    (b'%PDF-1.7 ...', 'not_an_image'), (b'SIMPLE  =    T', 'not_an_image'),
    (b'\x00' * 100, 'not_an_image')])
def test_what_is_no_image_is_refused_with_a_reason(data, reason):
  with pytest.raises(decode.BadImage) as caught:
    decode.decode(data)
  assert caught.value.reason == reason


@pytest.mark.parametrize('share', [0.3, 0.6, 0.95])
def test_a_truncated_jpeg_is_never_half_grey(share):
  data = encoded(photo(200, 200), 'JPEG')
  with pytest.raises(decode.BadImage) as caught:
    decode.decode(data[:int(len(data) * share)])
  assert caught.value.reason == 'truncated'


def test_extension_does_not_matter_content_does():
  found = decode.decode(encoded(photo(), 'WEBP', lossless=True))
  assert found.pixels.shape == (30, 40, 3)


def test_a_bomb_is_refused_from_its_header():
  def chunk(kind, body):
    return (struct.pack('>I', len(body)) + kind + body
            + struct.pack('>I', zlib.crc32(kind + body)))
  header = chunk(b'IHDR', struct.pack('>IIBBBBB', 30000, 30000, 1, 0, 0, 0, 0))
  bomb = b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', zlib.compress(bytes(9)))
  started = time.monotonic()
  with pytest.raises(decode.BadImage) as caught:
    decode.decode(bomb)
  assert caught.value.reason == 'too_large'
  assert time.monotonic() - started < 0.1


def test_exif_gps_is_read_and_kept_apart():
  exif = PilImage.Exif()
  exif[0x8825] = {1: 'S', 2: (33.0, 51.0, 36.0), 3: 'E', 4: (151.0, 12.0, 0.0)}
  found = decode.decode(encoded(photo(), 'JPEG', exif=exif))
  np.testing.assert_allclose(found.exif_latlng_deg, [-33.86, 151.2])
