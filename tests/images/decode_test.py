"""Every mode has a defined value; every broken file a reason."""

import io
import struct
import zlib

import numpy as np
from PIL import GifImagePlugin, ImageFile
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
  image = decode.decode(encoded(photo()))
  np.testing.assert_array_equal(image.pixels, np.asarray(photo()))
  assert image.notes == () and image.exif_latlng_deg is None


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
  # By 1/257: white is 255 and each grey is nearest to its own multiple.
  for level in (0, 1, 127, 254, 255):
    exact = np.full((2, 2), 257 * level, np.uint16)
    assert first_pixel(PilImage.fromarray(exact)) == [level] * 3
    below = np.full((2, 2), max(0, 257 * level - 128), np.uint16)
    assert first_pixel(PilImage.fromarray(below)) == [level] * 3
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


def test_transparent_palette_colour_is_laid_on_grey():
  palette = PilImage.new('P', (2, 2), 0)
  palette.putpalette([255, 0, 0] + [0, 0, 255] * 255)
  assert first_pixel(palette, transparency=0) == [128] * 3
  assert first_pixel(palette, transparency=1) == [255, 0, 0]
  half = PilImage.new('RGBA', (2, 2), (228, 28, 128, 128))
  np.testing.assert_allclose(first_pixel(half), [178, 78, 128], atol=1)


@pytest.mark.parametrize('value, expected', [
    (0., 0), (1., 255), (np.nan, 0), (np.inf, 255), (-np.inf, 0), (200., 200)])
def test_float_tiff_values(value, expected):
  picture = PilImage.fromarray(np.full((2, 2), value, np.float32))
  assert first_pixel(picture, 'TIFF') == [expected] * 3


@pytest.mark.parametrize('kind', ['GIF', 'PNG', 'WEBP'])
def test_first_frame_of_an_animation_is_recorded(kind):
  frames = [PilImage.new('RGB', (4, 4), colour) for colour in ('red', 'blue')]
  data = encoded(frames[0], kind, save_all=True, append_images=frames[1:],
                 **({'lossless': True} if kind == 'WEBP' else {}))
  image = decode.decode(data)
  assert image.pixels[0, 0].tolist() == [255, 0, 0]
  assert image.notes == ('first frame of 2',)


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


@pytest.mark.parametrize('cut', [3, 20, 400])
def test_a_jpeg_cut_in_its_header_is_damaged(cut):
  with pytest.raises(decode.BadImage) as caught:
    decode.decode(encoded(photo(), 'JPEG')[:cut])
  assert caught.value.reason == 'damaged'


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF'])
def test_whatever_the_bytes_only_bad_image_is_raised(kind):
  rng, data = np.random.default_rng(0), encoded(photo(), kind)
  for _ in range(200):
    hurt = bytearray(data)
    for place in rng.integers(0, min(300, len(hurt)), 3):
      hurt[place] = rng.integers(256)
    try:
      decode.decode(bytes(hurt[:rng.integers(1, len(hurt) + 1)]))
    except decode.BadImage as error:
      assert error.reason in ('not_an_image', 'damaged', 'truncated',
                              'too_large', 'format')


def test_heic_names_the_extra_to_install(monkeypatch):
  monkeypatch.setattr(decode, 'pillow_heif', None)
  with pytest.raises(decode.BadImage, match=r'pinpoint_jax\[heic\]') as caught:
    decode.decode(b'\0\0\0\x18ftypheic' + bytes(40))
  assert caught.value.reason == 'format'


@pytest.mark.skipif('AVIF' not in decode.FORMATS, reason='Pillow without AVIF')
def test_avif_is_read():
  pixels = decode.decode(encoded(PilImage.new('RGB', (8, 8)), 'AVIF')).pixels
  assert pixels.shape == (8, 8, 3)


def test_extension_does_not_matter_content_does():
  image = decode.decode(encoded(photo(), 'WEBP', lossless=True))
  assert image.pixels.shape == (30, 40, 3)


def not_decoded(self):
  raise AssertionError('pixels were decoded')


def test_a_bomb_is_refused_from_its_header(monkeypatch):
  def chunk(kind, body):
    return (struct.pack('>I', len(body)) + kind + body
            + struct.pack('>I', zlib.crc32(kind + body)))
  header = chunk(b'IHDR', struct.pack('>IIBBBBB', 30000, 30000, 1, 0, 0, 0, 0))
  bomb = b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', zlib.compress(bytes(9)))
  monkeypatch.setattr(ImageFile.ImageFile, 'load', not_decoded)
  with pytest.raises(decode.BadImage) as caught:
    decode.decode(bomb)
  assert caught.value.reason == 'too_large'


def test_many_frames_are_not_walked(monkeypatch):
  frame = (b',' + struct.pack('<HHHHB', 0, 0, 4, 4, 0)
           + b'\x02\x04\x84\x8f\x09\x05\0')
  head = b'GIF89a' + struct.pack('<HHBBB', 4, 4, 0x80, 0, 0) + bytes(6)
  data = head + frame * 300_000 + b';'
  frames = []
  seek = GifImagePlugin.GifImageFile._seek
  monkeypatch.setattr(
      GifImagePlugin.GifImageFile, '_seek',
      lambda self, frame, update_image=True: (
          frames.append(frame), seek(self, frame, update_image)))
  with pytest.raises(decode.BadImage):
    decode.decode(data, max_pixels=1)
  picture = decode._open(data)
  assert decode._frame_notes(picture, data) == ('first frame of many',)
  assert frames and max(frames) <= 1


def test_the_limit_is_the_callers():
  with pytest.raises(decode.BadImage, match='40×30 pixels, more than 1,199'):
    decode.decode(encoded(photo()), max_pixels=1199)
  assert decode.decode(encoded(photo()), max_pixels=1200).pixels.size == 3600


@pytest.mark.parametrize('gps', [
    {1: '', 2: (3., 0., 0.), 3: 'E', 4: (1., 0., 0.)},
    {1: 'N', 2: (93., 0., 0.), 3: 'E', 4: (1., 0., 0.)},
    {1: 'N', 2: (3., 0., 0.)}])
def test_broken_exif_gps_is_no_place(gps):
  exif = PilImage.Exif()
  exif[0x8825] = gps
  image = decode.decode(encoded(photo(), 'JPEG', exif=exif))
  assert image.exif_latlng_deg is None


def test_exif_gps_is_read_and_kept_apart():
  exif = PilImage.Exif()
  exif[0x8825] = {1: 'S', 2: (33.0, 51.0, 36.0), 3: 'E', 4: (151.0, 12.0, 0.0)}
  image = decode.decode(encoded(photo(), 'JPEG', exif=exif))
  np.testing.assert_allclose(image.exif_latlng_deg, [-33.86, 151.2])


def test_picture_holds_the_same_pixels():
  for mode in ('RGB', 'L', 'P', 'RGBA', 'CMYK', '1'):
    out = io.BytesIO()
    rng = np.random.default_rng(0)
    noise = PilImage.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8))
    noise.convert(mode).save(out, 'TIFF')
    data = out.getvalue()
    np.testing.assert_array_equal(np.asarray(decode.picture(data)),
                                  decode.decode(data).pixels)
