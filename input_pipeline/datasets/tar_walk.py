"""The members of a tar, header by header, without reading their data.

Not the standard library's, because a walk over millions of
members must be able to stop, be saved and go on at any header, and must keep
none of them in memory. GNU long names and pax headers are understood.
"""

from collections.abc import Iterator
import tarfile
from typing import NamedTuple

from input_pipeline.datasets import archive

_BLOCK = tarfile.BLOCKSIZE
_MAX_EXTENSION = 1 << 20  # Bytes of a long name or of pax records.
_LONG_NAME, _LONG_LINK = tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENSIONS = (_LONG_NAME, _LONG_LINK, *_PAX, tarfile.XGLTYPE)


class CutArchive(ValueError):
  """The archive ends before its end mark."""


class Member(NamedTuple):
  """One entry: its name and the places of its data and of the next header."""

  name: str
  start: int
  size: int
  next: int
  kind: str  # 'file', 'folder' or 'other' (links, devices).


def walk(parts: archive.Parts, place: int, stop: int) -> Iterator[Member]:
  """Members from the header at `place` to the end mark, all before `stop`."""
  last, extended = 'none', {}
  while True:
    header = _header(parts, place, stop, last)
    if header is None:
      return
    start = place + _BLOCK
    if header.type in _EXTENSIONS:
      data = _extension(parts, header, place, stop)
      extended.update(_extend(header, data, parts, place))
      place = start + _padded(header.size)
      continue
    name = extended.get('path', header.name)
    size = _size(header, extended, parts, place)
    if start + size > stop:
      raise CutArchive(
          f'{parts.where(stop - 1)}: the archive is cut: member {name!r} has '
          f'{size:,} bytes and {start + size - stop:,} of them are missing; '
          f'fetch the last part again, or the parts after it')
    place, extended, last = start + _padded(size), {}, name
    kind = ('file' if header.isreg() else
            'folder' if header.isdir() else 'other')
    yield Member(name, start, size, place, kind)


def _header(parts: archive.Parts, place: int, stop: int,
            last: str) -> tarfile.TarInfo | None:
  """The header at `place`, None for the mark that ends an archive."""
  if place + _BLOCK > stop:
    raise CutArchive(
        f'{parts.where(stop - 1)}: the archive ends without its end mark, '
        f'{place + _BLOCK - stop:,} bytes short of the next header; the last '
        f'whole member is {last!r}. Is a part missing, or cut?')
  block = parts.read(place, _BLOCK)
  if not any(block):
    return None
  try:
    return tarfile.TarInfo.frombuf(block, 'utf-8', 'surrogateescape')
  except tarfile.HeaderError as error:
    raise ValueError(
        f'{parts.where(place)}: no tar header ({error}) after member {last!r}; '
        f'are all parts there, in order and whole?') from error


def _extension(parts: archive.Parts, header: tarfile.TarInfo, place: int,
               stop: int) -> bytes:
  """Data of a header that speaks about the next one."""
  end = place + _BLOCK + header.size
  if not 0 <= header.size <= _MAX_EXTENSION:
    raise ValueError(f'{parts.where(place)}: a name or pax header of '
                     f'{header.size:,} bytes')
  if end > stop:
    raise CutArchive(f'{parts.where(stop - 1)}: the archive is cut '
                     f'{end - stop:,} bytes before the end of a name')
  return parts.read(place + _BLOCK, header.size)


def _extend(header: tarfile.TarInfo, data: bytes, parts: archive.Parts,
            place: int) -> dict[str, str]:
  """What that data says about the next member."""
  if header.type == _LONG_NAME:
    return {'path': data.rstrip(b'\0').decode('utf-8', 'surrogateescape')}
  if header.type not in _PAX:
    return {}
  try:
    return dict(_pax_records(data))
  except ValueError as error:
    raise ValueError(f'{parts.where(place)}: broken pax header') from error


def _pax_records(data: bytes) -> Iterator[tuple[str, str]]:
  """Records 'LENGTH KEY=VALUE\\n', LENGTH counting all of the record."""
  while data.strip(b'\0'):
    length = int(data[:data.index(b' ')])
    record = data[:length]
    if len(record) != length or not record.endswith(b'\n'):
      raise ValueError(record)
    key, value = record[record.index(b' ') + 1:-1].split(b'=', 1)
    yield key.decode(), value.decode('utf-8', 'surrogateescape')
    data = data[length:]


def _size(header: tarfile.TarInfo, extended: dict[str, str],
          parts: archive.Parts, place: int) -> int:
  """Bytes of data that follow the header; links have none."""
  sparse = header.type == tarfile.GNUTYPE_SPARSE or any(
      key.startswith('GNU.sparse') for key in extended)
  text = extended.get('size', str(header.size))
  if sparse or not text.isdecimal():
    raise ValueError(
        f'{parts.where(place)}: member {header.name!r} is '
        f'{"sparse" if sparse else "of size " + text}, which is not understood')
  has_data = header.isreg() or header.type not in tarfile.SUPPORTED_TYPES
  return int(text) if has_data else 0


def _padded(size: int) -> int:
  return -(-size // _BLOCK) * _BLOCK
