"""The bytes of a photo with a position in its EXIF; no pixel is encoded again.

The EXIF of a file is one segment (JPEG), one chunk (PNG, WebP) or the file
itself (TIFF). That piece is replaced or put in; every other byte is copied.
"""

from collections.abc import Callable, Iterator
import io
import struct
import zlib

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import decode, gps_block

_EXIF = b'Exif\0\0'
_PNG = b'\x89PNG\r\n\x1a\n'
_TOLERANCE_DEG = 1e-6
_MAX_SEGMENT = 0xffff - 2
# Directories whose entries must survive: EXIF, of the thumbnail, of Interop.
_DIRECTORIES = (0x8769, -1, 0xA005)
_GPS = 0x8825
# What XMP calls a position; EXIF has numbers for names.
_XMP_POSITION = b'GPSLatitude'

_Rewrite = Callable[[bytes], bytes]


def with_position(data: bytes, position: gps_block.Position,
                  replace: bool = False) -> bytes:
  """The file of those bytes with that position; raises gps_block.NoCopy.

  Other entries of its EXIF and its pixels are the same. A position that is
  there is replaced, and erased, only if `replace`.
  """
  kind = _kind(data)
  if _XMP_POSITION in data:
    raise gps_block.HasPosition('it has a position in its XMP already, which '
                                'a second one would contradict')
  if kind is _tiff and replace:
    # Where values of a TIFF overlap its pixels, erasing would change these.
    raise gps_block.NoCopy('a position in a TIFF cannot be replaced safely')
  copy = kind(data, lambda block: gps_block.with_position(
      block, position, replace))
  _check(data, copy, position)
  return copy


def _kind(data: bytes) -> Callable[[bytes, _Rewrite], bytes]:
  if data.startswith(b'\xff\xd8\xff'):
    return _jpeg
  if data.startswith(_PNG):
    return _png
  if data.startswith(b'RIFF') and data[8:12] == b'WEBP':
    return _webp
  if data.startswith((b'II*\0', b'MM\0*')):
    return _tiff
  raise gps_block.NoCopy('only JPEG, PNG, WebP and TIFF can be given a '
                         'position without encoding the picture again')


def _jpeg(data: bytes, rewrite: _Rewrite) -> bytes:
  exif, start = [], 2
  for marker, first, end in _segments(data):
    if marker == 0xe1 and data[first + 4:first + 10] == _EXIF:
      exif.append((first, end))
    elif marker == 0xe0 and first == start:
      start = end  # JFIF wants to be the first segment.
  if len(exif) > 1:
    raise gps_block.NoCopy(f'its EXIF is in {len(exif)} pieces')
  first, end = exif[0] if exif else (start, start)
  block = _EXIF + rewrite(data[first + 10:end] if exif else gps_block.EMPTY)
  if len(block) > _MAX_SEGMENT:
    raise gps_block.NoCopy('its EXIF has no room for a position')
  segment = b'\xff\xe1' + struct.pack('>H', len(block) + 2) + block
  return data[:first] + segment + data[end:]


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
  """Marker, first byte and end of each segment before the pixels."""
  start = 2
  while True:
    if data[start:start + 1] != b'\xff':
      raise gps_block.NoCopy('its segments are damaged')
    if data[start + 1:start + 2] == b'\xff':  # A marker may be padded.
      start += 1
      continue
    marker, size = _unpack('>BH', data, start + 1)
    if marker == 0xda:
      return
    if size < 2 or start + 2 + size > len(data):
      raise gps_block.NoCopy('its segments are damaged')
    yield marker, start, start + 2 + size
    start += 2 + size


def _png(data: bytes, rewrite: _Rewrite) -> bytes:
  exif, start, pixels = [], len(_PNG), None
  while start < len(data):
    size, name = _unpack('>I4s', data, start)
    if name == b'eXIf':
      exif.append((start, start + 12 + size))
    if data.startswith(b'Raw profile type exif', start + 8):
      raise gps_block.NoCopy('its EXIF is in a text chunk')
    if name == b'IDAT' and pixels is None:
      pixels = start
    start += 12 + size
  if pixels is None or len(exif) > 1:
    raise gps_block.NoCopy('its chunks are damaged')
  first, end = exif[0] if exif else (pixels, pixels)
  body = b'eXIf' + rewrite(data[first + 8:end - 4] if exif
                           else gps_block.EMPTY)
  return (data[:first] + struct.pack('>I', len(body) - 4) + body
          + struct.pack('>I', zlib.crc32(body)) + data[end:])


def _webp(data: bytes, rewrite: _Rewrite) -> bytes:
  end = 8 + _unpack('<I', data, 4)[0]
  chunks, start = [], 12
  while start + 8 <= min(end, len(data)):
    name, size = _unpack('<4sI', data, start)
    chunks.append((name, data[start + 8:start + 8 + size]))
    start += 8 + size + size % 2
  names = [name for name, _ in chunks]
  if names.count(b'EXIF') > 1 or not chunks or start != end:
    raise gps_block.NoCopy('its chunks are damaged')
  if names[0] != b'VP8X':
    chunks.insert(0, (b'VP8X', _vp8x(data, *chunks[0])))
  header = bytearray(chunks[0][1])
  header[0] |= 8  # There is EXIF.
  chunks[0] = (b'VP8X', bytes(header))
  exif = dict(chunks).get(b'EXIF', gps_block.EMPTY)
  prefix = _EXIF if exif.startswith(_EXIF) else b''
  new = (b'EXIF', prefix + rewrite(exif.removeprefix(_EXIF)))
  chunks = ([new if chunk[0] == b'EXIF' else chunk for chunk in chunks]
            if b'EXIF' in names else [*chunks, new])
  body = b'WEBP' + b''.join(
      name + struct.pack('<I', len(value)) + value + bytes(len(value) % 2)
      for name, value in chunks)
  return b'RIFF' + struct.pack('<I', len(body)) + body + data[end:]


def _vp8x(data: bytes, name: bytes, pixels: bytes) -> bytes:
  """The header that a file with more than pixels has."""
  width, height = _open(data).size
  # Of lossless pixels: 14 bits width, 14 bits height, then one for alpha.
  alpha = name == b'VP8L' and pixels[4] & 0x10
  return (bytes((0x10 if alpha else 0, 0, 0, 0))
          + struct.pack('<I', width - 1)[:3]
          + struct.pack('<I', height - 1)[:3])


def _tiff(data: bytes, rewrite: _Rewrite) -> bytes:
  return rewrite(data)


def _check(data: bytes, copy: bytes, position: gps_block.Position) -> None:
  """Hostile files are refused here: what can be read must be what was there."""
  picture = _open(copy)
  place = decode.exif_latlng_deg(picture)
  if place is None or np.abs(
      place - np.asarray(position.latlng_deg)).max() > _TOLERANCE_DEG:
    raise gps_block.NoCopy('its EXIF is damaged: a position in it cannot be '
                           'read')
  if _entries(picture) != _entries(_open(data)):
    raise gps_block.NoCopy('its EXIF is damaged: an entry would be lost')


def _entries(picture: PilImage.Image) -> str:
  """Every entry but those of GPS, as text: NaN is equal to NaN then."""
  try:
    exif = picture.getexif()
    rest = {tag: value for tag, value in exif.items() if tag != _GPS}
    return repr([sorted(rest.items()), *(
        sorted(exif.get_ifd(tag).items()) for tag in _DIRECTORIES)])
  except Exception as error:  # Hostile bytes make Pillow raise nearly anything.
    raise gps_block.NoCopy('its EXIF is damaged') from error


def _open(data: bytes) -> PilImage.Image:
  try:
    return PilImage.open(io.BytesIO(data), formats=decode.FORMATS)
  except Exception as error:
    raise gps_block.NoCopy('it is damaged') from error


def _unpack(form: str, data: bytes, start: int) -> tuple:
  try:
    return struct.unpack_from(form, data, start)
  except struct.error as error:
    raise gps_block.NoCopy('it is cut short') from error
