"""Blocks of EXIF grow at their end; numbers are those one can work out."""

import struct

import numpy as np
from pinpoint_jax.images import gps_block
import pytest

from tests.fixtures import exif_blocks

PARIS = gps_block.Position((48.8566, -2.3522), 12.3456)


def entries(block, at):
  """{tag: (kind, count, bytes of the value)} by the TIFF 6.0 rules, big end."""
  count, = struct.unpack_from('>H', block, at)
  result = {}
  for i in range(count):
    tag, kind, num, value = struct.unpack_from('>HHI4s', block, at + 2 + 12 * i)
    size = num * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind]
    if size > 4:
      start, = struct.unpack('>I', value)
      value = block[start:start + size]
    result[tag] = (kind, num, value[:size])
  assert list(result) == sorted(result)
  return result


def gps_of(block):
  main = entries(block, struct.unpack_from('>I', block, 4)[0])
  return entries(block, struct.unpack('>I', main[0x8825][2])[0])


def test_entries_to_the_byte():
  gps = gps_of(gps_block.with_position(gps_block.EMPTY, PARIS))
  # 48.8566° = 48° 51′ 23.76″, 2.3522° = 2° 21′ 7.92″.
  assert gps == {
      0: (1, 4, b'\2\3\0\0'), 1: (2, 2, b'N\0'),
      2: (5, 3, struct.pack('>6I', 48, 1, 51, 1, 23_760_000, 1_000_000)),
      3: (2, 2, b'W\0'),
      4: (5, 3, struct.pack('>6I', 2, 1, 21, 1, 7_920_000, 1_000_000)),
      18: (2, 7, b'WGS-84\0'), 27: (7, 17, b'ASCII\0\0\0ESTIMATED'),
      31: (5, 1, struct.pack('>2I', 12346, 1))}


def test_no_radius_no_error():
  block = gps_block.with_position(gps_block.EMPTY,
                                  gps_block.Position((1., 2.)))
  assert 31 not in gps_of(block)


@pytest.mark.parametrize('degrees, parts', [
    (0., (0, 0, 0)), (90., (90, 0, 0)), (180., (180, 0, 0)),
    # Seconds round up into the next degree, never to 60.
    (59.99999999999, (60, 0, 0)), (-1.5, (1, 30, 0)),
    (1 / 3600, (0, 0, 1_000_000))])
def test_degrees_minutes_seconds(degrees, parts):
  assert struct.unpack('>6I', gps_block._angle(degrees, '>')) == (
      parts[0], 1, parts[1], 1, parts[2], 1_000_000)


@pytest.mark.parametrize('order', '<>')
def test_nothing_moves(order):
  block = exif_blocks.camera_block(order)
  longer = gps_block.with_position(block, PARIS)
  assert longer[8:len(block)] == block[8:] and len(longer) > len(block)
  assert longer[:4] == block[:4]


@pytest.mark.parametrize('tail', [b'', b'x'])
def test_directories_begin_at_even_bytes(tail):
  longer = gps_block.with_position(exif_blocks.camera_block('>') + tail, PARIS)
  start, = struct.unpack_from('>I', longer, 4)
  gps, = struct.unpack('>I', entries(longer, start)[0x8825][2])
  assert start % 2 == 0 and gps % 2 == 0


def test_a_time_without_a_place_is_kept():
  time = [(7, 5, struct.pack('>6I', 10, 1, 20, 1, 30, 1)),
          (29, 2, b'2020:01:02\0')]
  gps = gps_of(gps_block.with_position(
      exif_blocks.camera_block('>', time), PARIS))
  assert gps[29] == (2, 11, b'2020:01:02\0') and gps[7][2] == time[0][2]
  assert gps[3] == (2, 2, b'W\0')


@pytest.mark.parametrize('order', '<>')
def test_a_former_place_is_refused_or_erased(order):
  former = exif_blocks.gps_entries(order)
  block = exif_blocks.camera_block(order, former)
  with pytest.raises(gps_block.HasPosition, match='must be asked for'):
    gps_block.with_position(block, PARIS)
  longer = gps_block.with_position(block, PARIS, replace=True)
  for tag, _, value in former:
    if tag in (2, 4, 6, 7):
      assert value in block and value not in longer


@pytest.mark.parametrize('latlng, radius', [
    ((91., 0.), None), ((0., 180.1), None), ((float('nan'), 0.), None),
    ((0., float('inf')), None), ((0., 0.), -1.), ((0., 0.), float('nan'))])
def test_what_is_no_place_is_refused(latlng, radius):
  with pytest.raises(gps_block.NoCopy, match='no place|no distance'):
    gps_block.Position(latlng, radius)


def test_hostile_blocks_are_refused_or_grow():
  rng, block = np.random.default_rng(0), exif_blocks.camera_block(
      '>', exif_blocks.gps_entries('>'))
  for _ in range(500):
    hurt = bytearray(block[:rng.integers(len(block) + 1)])
    for place in rng.integers(0, max(1, len(hurt)), 4):
      hurt[place:place + 1] = bytes([rng.integers(256)])
    try:
      longer = gps_block.with_position(bytes(hurt), PARIS, replace=True)
    except gps_block.NoCopy as error:
      assert '\n' not in str(error)
    else:
      assert len(longer) > len(hurt)
