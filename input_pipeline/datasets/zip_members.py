"""Images in zip shards, found through the zips' own central directories.

zipfile reads a directory and is then let go of: one of its objects for each
of millions of members would fill the memory of every worker.
"""

from array import array
from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
import struct
import zipfile
import zlib

from input_pipeline.datasets import archive, file_photos
from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.images import decode

_ENCRYPTED, _LINK = 1, 0o120000
_LOCAL = struct.Struct('<4s22xHH')  # Signature, length of name and of extra.
_COLUMNS = ('places', 'packed', 'sizes', 'methods', 'crcs')


@dataclasses.dataclass(frozen=True)
class ZipMembers:
  """Where the files of all shards lie.

  Attributes:
    parts: the shards, end to end.
    names: as written in the directories, n of them.
    table: header's place in `parts`, bytes packed and unpacked, method and
      CRC-32 of each, [n, 5].
    notes: what was left out.
  """

  parts: archive.Parts
  names: list[str]
  table: Int[np.ndarray, 'n 5']
  notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ZippedPhotos:
  """Photos that lie in zips.

  Attributes:
    photos: the table.
    notes: what was left out or noticed.
    extra: further columns of the table, as text.
    parts: the zips, end to end.
    table: as in ZipMembers, one row per photo, [n, 5].
  """

  photos: types.Photos
  notes: tuple[str, ...]
  extra: Mapping[str, types.Strings]
  parts: archive.Parts
  table: Int[np.ndarray, 'n 5']

  def read(self, row: int) -> bytes:
    """The bytes of the photo in that row, checked against their CRC."""
    name = str(self.photos.ids[row])
    place, packed, size, method, crc = map(int, self.table[row])
    file_photos.check_size(max(packed, size), name)
    begin = place + _LOCAL.size
    signature, name_length, extra_length = _LOCAL.unpack(
        self.parts.read(place, _LOCAL.size))
    if signature != b'PK\3\4':
      raise ValueError(
          f'{self.parts.where(place)}: no zip header where the directory says '
          f'{name!r} begins; fetch the file again')
    data = self.parts.read(begin + name_length + extra_length, packed)
    if method == zipfile.ZIP_DEFLATED:
      data = _inflate(data, size, name)
    if len(data) != size or zlib.crc32(data) != crc:
      raise decode.BadImage('damaged', f'{name}: its bytes do not have the '
                            f'size and CRC that the zip says')
    return data


def members(paths: Sequence[pathlib.Path]) -> ZipMembers:
  """The files in these zips."""
  parts = archive.parts(paths)
  names, columns, num_links = [], array('q'), 0
  for shard, path in enumerate(paths):
    for info in _directory(path):
      if info.is_dir():
        continue
      if info.external_attr >> 16 & 0o170000 == _LINK:
        num_links += 1
        continue
      _check_readable(info, path)
      names.append(info.filename)
      columns.extend((parts.begin(shard) + info.header_offset,
                      info.compress_size, info.file_size, info.compress_type,
                      info.CRC))
  notes = (f'{num_links} links in zips left out',) if num_links else ()
  return ZipMembers(parts, names, np.array(columns).view(np.int64).reshape(
      -1, len(_COLUMNS)), notes)


def _directory(path: pathlib.Path) -> list[zipfile.ZipInfo]:
  try:
    with zipfile.ZipFile(path) as file:
      return file.infolist()
  except zipfile.BadZipFile as error:
    raise ValueError(f'{path}: {error}; it may be cut: fetch it '
                     f'again') from error


def _check_readable(info: zipfile.ZipInfo, path: pathlib.Path) -> None:
  if info.flag_bits & _ENCRYPTED:
    raise ValueError(f'{path}: {info.filename!r} is encrypted')
  if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
    raise ValueError(
        f'{path}: {info.filename!r} is packed by method {info.compress_type}; '
        f'only stored and deflated members are read')


def _inflate(data: bytes, size: int, name: str) -> bytes:
  try:
    # One byte more than promised shows a lie; a limit of 0 would be none.
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
  except zlib.error as error:
    raise decode.BadImage('damaged', f'{name}: {error}') from error
