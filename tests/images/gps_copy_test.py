"""Copies have the place, the other entries and the same pixels, bit by bit."""

import io
import struct

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import decode, gps_block, gps_copy
import pytest

from tests.fixtures import exif_blocks

PARIS = gps_block.Position((48.8566, 2.3522), 12.)
FILES = [('JPEG', {}), ('JPEG', {'progressive': True}), ('PNG', {}),
         ('PNG', {'mode': 'RGBA'}), ('WEBP', {}), ('WEBP', {'lossless': True}),
         ('WEBP', {'mode': 'RGBA', 'lossless': True}),
         ('WEBP', {'mode': 'RGBA'}), ('TIFF', {}),
         ('TIFF', {'compression': 'tiff_lzw'})]


def opened(data):
  return PilImage.open(io.BytesIO(data))


def place_of(data):
  return decode.exif_latlng_deg(opened(data))


def directories(data):
  """Entries of every directory but GPS; NaN is equal to NaN as text."""
  exif = opened(data).getexif()
  main = {tag: value for tag, value in exif.items() if tag != 0x8825}
  return repr([sorted(entries.items()) for entries in (
      main, exif.get_ifd(0x8769), exif.get_ifd(-1))])


def random_places(num):
  rng = np.random.default_rng(0)
  edges = [(90., 0.), (-90., 180.), (0., -180.), (0., 180.), (-0., -0.),
           (89.9999999, 179.9999999), (-1e-9, 1e-9), (59.999999999, 0.)]
  return edges + list(zip(rng.uniform(-90, 90, num).tolist(),
                          rng.uniform(-180, 180, num).tolist()))


@pytest.mark.parametrize('kind, options', FILES)
def test_a_file_without_exif_gets_the_place_and_keeps_its_pixels(kind, options):
  data = exif_blocks.encoded(kind, **options)
  copy = gps_copy.with_position(data, PARIS)
  np.testing.assert_allclose(place_of(copy), (48.8566, 2.3522), atol=1e-6)
  np.testing.assert_array_equal(np.asarray(opened(copy)),
                                np.asarray(opened(data)))
  assert opened(copy).mode == opened(data).mode
  assert directories(copy) == directories(data)


@pytest.mark.parametrize('kind, options', [
    ('JPEG', {}), ('PNG', {}), ('WEBP', {}), ('WEBP', {'lossless': True})])
@pytest.mark.parametrize('order', '<>')
def test_entries_of_the_camera_survive(kind, options, order):
  data = exif_blocks.of_camera(kind, order, **options)
  copy = gps_copy.with_position(data, PARIS)
  np.testing.assert_allclose(place_of(copy), (48.8566, 2.3522), atol=1e-6)
  assert directories(copy) == directories(data)
  exif = opened(copy).getexif()
  assert exif[0x0112] == 6 and exif[0x0110] == 'Camera 9000'
  note = exif.get_ifd(0x8769)[0x927C]
  # The maker note's own offset still leads to the maker note.
  block = opened(copy).info['exif'].removeprefix(b'Exif\0\0')
  at, = struct.unpack_from(order + 'I', note, 4)
  assert block[at:at + len(note)] == note
  thumbnail = exif.get_ifd(-1)
  start, size = thumbnail[0x0201], thumbnail[0x0202]
  assert opened(block[start:start + size]).size == (8, 6)


def test_of_a_jpeg_all_but_the_segment_is_the_same_bytes():
  for data in (exif_blocks.encoded(), exif_blocks.of_camera(),
               exif_blocks.of_camera(comment=b'hello', dpi=(72, 72))):
    copy = gps_copy.with_position(data, PARIS)
    rest, segments = split(data)
    rest_copy, segments_copy = split(copy)
    assert rest == rest_copy
    assert len(segments_copy) == 1 and len(segments) <= 1


def split(data):
  """A JPEG without its Exif segments, and those."""
  rest, segments, start = data[:2], [], 2
  while data[start + 1] != 0xda:
    size, = struct.unpack_from('>H', data, start + 2)
    segment = data[start:start + 2 + size]
    if segment[4:10] == b'Exif\0\0':
      segments.append(segment)
    else:
      rest += segment
    start += 2 + size
  return rest + data[start:], segments


def test_jfif_stays_first_and_what_follows_the_picture_stays():
  data = exif_blocks.encoded() + b'a trailer of a phone'
  copy = gps_copy.with_position(data, PARIS)
  assert copy[2:4] == b'\xff\xe0' and copy[20:22] == b'\xff\xe1'
  assert copy.endswith(b'\xff\xd9a trailer of a phone')


def test_random_places_are_read_back():
  data = exif_blocks.of_camera()
  for place in random_places(200):
    copy = gps_copy.with_position(data, gps_block.Position(place))
    np.testing.assert_allclose(place_of(copy), place, atol=1e-6, rtol=0)
    assert place_of(copy) is not None


def test_the_estimate_says_so():
  exif = opened(gps_copy.with_position(exif_blocks.encoded(), PARIS)).getexif()
  gps = exif.get_ifd(0x8825)
  assert gps[27] == b'ASCII\0\0\0ESTIMATED'
  assert gps[31] == 12000 and gps[18] == 'WGS-84'


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
def test_a_place_of_the_camera_stays_unless_asked(kind):
  gps = exif_blocks.gps_entries()
  data = exif_blocks.of_camera(kind, gps=gps)
  np.testing.assert_allclose(place_of(data), (41.895117, 12.492031), atol=1e-6)
  with pytest.raises(gps_block.HasPosition):
    gps_copy.with_position(data, PARIS)
  copy = gps_copy.with_position(data, PARIS, replace=True)
  np.testing.assert_allclose(place_of(copy), (48.8566, 2.3522), atol=1e-6)
  assert directories(copy) == directories(data)
  assert gps[2][2] in data and gps[2][2] not in copy
  # Altitude and time were of the former place.
  assert not {6, 7} & opened(copy).getexif().get_ifd(0x8825).keys()


def test_a_place_in_a_tiff_is_never_replaced():
  data = gps_copy.with_position(exif_blocks.encoded('TIFF'), PARIS)
  with pytest.raises(gps_block.HasPosition):
    gps_copy.with_position(data, PARIS)
  with pytest.raises(gps_block.NoCopy, match='TIFF cannot be replaced'):
    gps_copy.with_position(data, PARIS, replace=True)


@pytest.mark.parametrize('replace', [False, True])
def test_a_place_in_xmp_is_never_contradicted(replace):
  packet = b'<x:xmpmeta exif:GPSLatitude="41,53.7N"/>'
  data = exif_blocks.encoded('JPEG', xmp=packet)
  with pytest.raises(gps_block.HasPosition, match='in its XMP'):
    gps_copy.with_position(data, PARIS, replace)


@pytest.mark.parametrize('mode, flags', [('RGB', 0x08), ('RGBA', 0x18)])
def test_a_webp_of_pixels_alone_gets_the_header_it_needs(mode, flags):
  data = exif_blocks.encoded('WEBP', mode=mode, lossless=True)
  at = data.index(b'VP8L')
  size, = struct.unpack_from('<I', data, at + 4)
  pixels = data[at:at + 8 + size + size % 2]
  plain = b'RIFF' + struct.pack('<I', 4 + len(pixels)) + b'WEBP' + pixels
  copy = gps_copy.with_position(plain, PARIS)
  # Flags, three bytes of nothing, width - 1 and height - 1 in three bytes each.
  assert copy[12:30] == b'VP8X\x0a\0\0\0' + bytes(
      [flags, 0, 0, 0, 39, 0, 0, 29, 0, 0])
  assert pixels in copy and opened(copy).mode == mode


def test_several_pages_of_a_tiff_stay():
  out = io.BytesIO()
  exif_blocks.picture().save(
      out, 'TIFF', save_all=True, append_images=[exif_blocks.picture(8, 9)])
  copy = opened(gps_copy.with_position(out.getvalue(), PARIS))
  assert copy.n_frames == 2
  copy.seek(1)
  np.testing.assert_array_equal(np.asarray(copy),
                                np.asarray(exif_blocks.picture(8, 9)))


def test_the_second_picture_of_a_camera_with_two_lenses_stays():
  out = io.BytesIO()
  second = PilImage.new('RGB', (24, 24), (0, 0, 255))
  exif_blocks.picture().save(out, 'MPO', save_all=True, append_images=[second])
  copy = opened(gps_copy.with_position(out.getvalue(), PARIS))
  np.testing.assert_allclose(decode.exif_latlng_deg(copy), PARIS.latlng_deg,
                             atol=1e-6)
  assert copy.n_frames == 2
  copy.seek(1)
  assert copy.getpixel((3, 3))[2] > 250


@pytest.mark.parametrize('kind', ['PNG', 'WEBP'])
def test_animations_stay(kind):
  out = io.BytesIO()
  frames = [PilImage.new('RGB', (8, 8), colour) for colour in ('red', 'blue')]
  frames[0].save(out, kind, save_all=True, append_images=frames[1:],
                 **({'lossless': True} if kind == 'WEBP' else {}))
  copy = opened(gps_copy.with_position(out.getvalue(), PARIS))
  assert copy.n_frames == 2
  copy.seek(1)
  assert copy.convert('RGB').getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize('kind', ['GIF', 'BMP'])
def test_other_formats_are_refused(kind):
  with pytest.raises(gps_block.NoCopy, match='only JPEG, PNG, WebP and TIFF'):
    gps_copy.with_position(exif_blocks.encoded(kind), PARIS)


@pytest.mark.parametrize('data', [b'', b'<html>', b'\0\0\0\x18ftypheic' * 9])
def test_what_is_no_picture_is_refused(data):
  with pytest.raises(gps_block.NoCopy):
    gps_copy.with_position(data, PARIS)


def test_a_full_segment_is_refused():
  block = exif_blocks.camera_block()
  data = exif_blocks.encoded(
      exif=b'Exif\0\0' + block + bytes(65_500 - len(block)))
  with pytest.raises(gps_block.NoCopy, match='no room'):
    gps_copy.with_position(data, PARIS)


def test_exif_in_two_pieces_is_refused():
  data = exif_blocks.of_camera()
  _, (segment,) = split(data)
  with pytest.raises(gps_block.NoCopy, match='in 2 pieces'):
    gps_copy.with_position(data[:2] + segment + data[2:], PARIS)


# Pillow tells of every entry that it cannot read.
@pytest.mark.filterwarnings('ignore::UserWarning', 'ignore::RuntimeWarning')
@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
def test_hostile_bytes_are_refused_or_copied_with_their_entries(kind):
  rng = np.random.default_rng(0)
  data = (exif_blocks.encoded(kind) if kind == 'TIFF' else
          exif_blocks.of_camera(kind, gps=exif_blocks.gps_entries()))
  copied = 0
  for _ in range(300):
    hurt = bytearray(data)
    for place in rng.integers(0, min(500, len(hurt)), 2):
      hurt[place] = rng.integers(256)
    if rng.random() < .3:
      del hurt[rng.integers(len(hurt) // 2, len(hurt) + 1):]
    hurt = bytes(hurt)
    try:
      copy = gps_copy.with_position(hurt, PARIS, replace=kind != 'TIFF')
    except gps_block.NoCopy as error:
      assert '\n' not in str(error)
    else:
      copied += 1
      np.testing.assert_allclose(place_of(copy), PARIS.latlng_deg, atol=1e-6)
      assert directories(copy) == directories(hurt)
  assert copied or kind == 'PNG'  # Whose chunks have checksums.
