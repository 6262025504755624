"""A position written into a block of EXIF, all else where it was.

Such a block is a small TIFF file: a header, directories of 12-byte entries, and
values that entries point to from the start of the block. Nothing is moved, so
that offsets inside maker notes, whose meaning nobody tells, stay true:

  before   header ─▶ directory │ exif, maker note, thumbnail
  after    header ─┐ (unused)  │ exif, maker note, thumbnail │ directory, GPS
                   └────────────────────────────────────────▶

The position says of itself that it is an estimate: GPSProcessingMethod is
ESTIMATED, and GPSHPositioningError is how far off it may be.
"""

import dataclasses
import math
import struct

# A block without entries.
EMPTY = b'MM\0*\0\0\0\x08' + bytes(6)
METHOD = 'ESTIMATED'
_GPS = 0x8825
_LATITUDE, _LONGITUDE = 2, 4
_BYTE, _ASCII, _LONG, _RATIONAL, _UNDEFINED = 1, 2, 4, 5, 7
# Bytes of a value by its type, from 1.
_SIZES = (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)
# A second of arc in millionths is 0.03 mm.
_MICRO = 1_000_000


class NoCopy(ValueError):
  """Why a file cannot be given a position; the text has no path."""


class HasPosition(NoCopy):
  """The file has a position already."""


@dataclasses.dataclass(frozen=True)
class Position:
  """What is written.

  Attributes:
    latlng_deg: the place.
    radius_km: how far off it may be; None unknown.
  """

  latlng_deg: tuple[float, float]
  radius_km: float | None = None

  def __post_init__(self):
    lat, lng = self.latlng_deg
    if not (abs(lat) <= 90 and abs(lng) <= 180):  # NaN fails, too.
      raise NoCopy(f'latitude {lat}, longitude {lng} are no place on Earth')
    if self.radius_km is not None and not 0 <= self.radius_km < math.inf:
      raise NoCopy(f'radius {self.radius_km} km is no distance')


@dataclasses.dataclass(frozen=True)
class _Entry:
  """Twelve bytes of a directory."""

  tag: int
  kind: int
  count: int
  value: bytes

  @property
  def size(self) -> int:
    known = 1 <= self.kind <= len(_SIZES)
    return self.count * _SIZES[self.kind - 1] if known else 0


def with_position(block: bytes, position: Position,
                  replace: bool = False) -> bytes:
  """The block with that position; a former one is erased if `replace`."""
  order = {b'II*\0': '<', b'MM\0*': '>'}.get(block[:4])
  if order is None:
    raise NoCopy('its EXIF is damaged')
  start, = _unpack(order + 'I', block, 4)
  entries, following = _directory(block, order, start)
  former = [entry for entry in entries if entry.tag == _GPS]
  kept, block = _former_gps(block, order, former, replace)
  block += bytes(len(block) % 2)
  entries = [entry for entry in entries if entry.tag != _GPS]
  end = len(block) + 2 + 12 * (len(entries) + 1) + 4
  pointer = _Entry(_GPS, _LONG, 1, struct.pack(order + 'I', end))
  try:
    head = block[:4] + struct.pack(order + 'I', len(block))
    return (head + block[8:] + _packed([*entries, pointer], order, following)
            + _gps(kept, position, order, end))
  except struct.error as error:
    raise NoCopy('it is too large for one entry more') from error


def _former_gps(block: bytes, order: str, pointers: list[_Entry],
                replace: bool) -> tuple[list[_Entry], bytes]:
  """Entries to keep, and the block without the position that it had."""
  if not pointers:
    return [], block
  start, = struct.unpack(order + 'I', pointers[0].value)
  entries, _ = _directory(block, order, start)
  if not {_LATITUDE, _LONGITUDE} & {entry.tag for entry in entries}:
    return entries, block  # A time or a direction alone, as of indoor photos.
  if not replace:
    raise HasPosition('it has a position in its EXIF already; to replace that '
                      'in the copy must be asked for')
  erased = bytearray(block)
  spans = [(start, 2 + 12 * len(entries) + 4)] + [
      (struct.unpack(order + 'I', entry.value)[0], entry.size)
      for entry in entries if entry.size > 4]
  for first, size in spans:
    size = max(0, min(size, len(block) - first))
    erased[first:first + size] = bytes(size)
  return [], bytes(erased)


def _gps(kept: list[_Entry], position: Position, order: str,
         start: int) -> bytes:
  """The directory at `start` and the values behind it."""
  lat, lng = position.latlng_deg
  values = {
      0: (_BYTE, bytes((2, 3, 0, 0))),
      1: (_ASCII, b'S\0' if lat < 0 else b'N\0'),
      _LATITUDE: (_RATIONAL, _angle(lat, order)),
      3: (_ASCII, b'W\0' if lng < 0 else b'E\0'),
      _LONGITUDE: (_RATIONAL, _angle(lng, order)),
      18: (_ASCII, b'WGS-84\0'),
      27: (_UNDEFINED, b'ASCII\0\0\0' + METHOD.encode())}
  if position.radius_km is not None:
    metres = round(position.radius_km * 1000)
    values[31] = (_RATIONAL, struct.pack(order + '2I', metres, 1))
  kept = [entry for entry in kept if entry.tag not in values]
  entries, behind = [], b''
  end = start + 2 + 12 * (len(kept) + len(values)) + 4
  for tag, (kind, value) in values.items():
    count = len(value) // _SIZES[kind - 1]
    if len(value) > 4:
      place = struct.pack(order + 'I', end + len(behind))
      behind += value + bytes(len(value) % 2)
      value = place
    entries.append(_Entry(tag, kind, count, value.ljust(4, b'\0')))
  return _packed([*kept, *entries], order, 0) + behind


def _angle(degrees: float, order: str) -> bytes:
  """Whole degrees, whole minutes, and seconds in millionths."""
  whole, rest = divmod(round(abs(degrees) * 3600 * _MICRO), 3600 * _MICRO)
  minutes, seconds = divmod(rest, 60 * _MICRO)
  return struct.pack(order + '6I', whole, 1, minutes, 1, seconds, _MICRO)


def _directory(block: bytes, order: str,
               start: int) -> tuple[list[_Entry], int]:
  """The entries at `start`, and where the following directory is."""
  count, = _unpack(order + 'H', block, start)
  entries = [_Entry(*_unpack(order + 'HHI4s', block, start + 2 + 12 * i))
             for i in range(count)]
  return entries, _unpack(order + 'I', block, start + 2 + 12 * count)[0]


def _packed(entries: list[_Entry], order: str, following: int) -> bytes:
  rows = [struct.pack(order + 'HHI4s', entry.tag, entry.kind, entry.count,
                      entry.value)
          for entry in sorted(entries, key=lambda entry: entry.tag)]
  return (struct.pack(order + 'H', len(rows)) + b''.join(rows)
          + struct.pack(order + 'I', following))


def _unpack(form: str, block: bytes, start: int) -> tuple:
  try:
    return struct.unpack_from(form, block, start)
  except struct.error as error:
    raise NoCopy('its EXIF is damaged') from error
