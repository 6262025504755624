"""Archives read in place: files laid end to end, at any byte, by any thread.

   part 00        part 01        part 02
  |--------------|--------------|-------|
          |=========|  a span may cross from one part into the next

Nothing is ever unpacked, so a member's name never becomes a path on disk.
"""

import bisect
from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import itertools
import os
import pathlib

from input_pipeline.datasets import file_photos
from jaxtyping import Int
import numpy as np
from pinpoint_jax import types

_OPEN_FILES = 64


@dataclasses.dataclass(frozen=True)
class Parts:
  """Files end to end, as they were when listed.

  Attributes:
    paths: the files, in order.
    sizes: bytes of each.
    mtimes_ns: when each was last written.
  """

  paths: tuple[str, ...]
  sizes: tuple[int, ...]
  mtimes_ns: tuple[int, ...]

  @functools.cached_property
  def ends(self) -> tuple[int, ...]:
    """Where each part ends in the whole."""
    return tuple(itertools.accumulate(self.sizes))

  def __len__(self) -> int:
    return sum(self.sizes)

  def begin(self, part: int) -> int:
    """Where that part begins in the whole."""
    return self.ends[part] - self.sizes[part]

  def where(self, place: int) -> str:
    """A place in the whole as a user finds it: the file and the byte in it."""
    part = min(bisect.bisect_right(self.ends, place), len(self.paths) - 1)
    return f'{self.paths[part]} at byte {place - self.begin(part)}'

  def read(self, start: int, size: int) -> bytes:
    """`size` bytes from `start`, over the edges of parts."""
    pieces, place, stop = [], start, start + size
    while place < stop:
      part = bisect.bisect_right(self.ends, place)
      if part == len(self.paths):
        raise ValueError(f'{self.paths[-1]}: {stop - place} bytes are missing '
                         f'at the end of {len(self):,}')
      count = min(stop, self.ends[part]) - place
      pieces.append(self._read_part(part, place - self.begin(part), count))
      place += count
    return b''.join(pieces)

  def fingerprint(self) -> str:
    """Content hash of any name, size or time of a part.

    Folders are not in it: data may be moved.
    """
    facts = zip(map(os.path.basename, self.paths), self.sizes, self.mtimes_ns)
    return hashlib.sha256(repr(list(facts)).encode()).hexdigest()[:16]

  def _read_part(self, part: int, start: int, size: int) -> bytes:
    handle = _open(self.paths[part], self.sizes[part], self.mtimes_ns[part])
    data = b''
    while len(data) < size:  # One call gives 2 GiB at most.
      piece = os.pread(handle.file, size - len(data), start + len(data))
      if not piece:
        raise ValueError(f'{self.paths[part]} is shorter than it was')
      data += piece
    return data


def parts(paths: Sequence[str | pathlib.Path]) -> Parts:
  """The files as they are now, in that order."""
  stats = [os.stat(path) for path in paths]
  return Parts(tuple(map(str, paths)), tuple(s.st_size for s in stats),
               tuple(s.st_mtime_ns for s in stats))


@dataclasses.dataclass(frozen=True)
class ArchivedPhotos:
  """Photos that lie in archives as they are, uncompressed.

  Attributes:
    photos: the table.
    notes: what was left out or noticed.
    extra: further columns of the table, as text.
    parts: the archives.
    starts: where each photo begins in them, [n].
    sizes: bytes of each photo, [n].
  """

  photos: types.Photos
  notes: tuple[str, ...]
  extra: Mapping[str, types.Strings]
  parts: Parts
  starts: Int[np.ndarray, 'n']
  sizes: Int[np.ndarray, 'n']

  def read(self, row: int) -> bytes:
    """The bytes of the photo in that row, as they lie in the archive."""
    size = int(self.sizes[row])
    file_photos.check_size(size, str(self.photos.ids[row]))
    return self.parts.read(int(self.starts[row]), size)


class _Handle:
  """An open file, closed when the last thread lets go of it."""

  def __init__(self, path: str):
    self.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

  def __del__(self):
    if hasattr(self, 'file'):
      os.close(self.file)


# Handles belong to the process, not to the photos: these travel through
# pickle without them. pread needs no position, hence no lock either.
@functools.lru_cache(maxsize=_OPEN_FILES)
def _open(path: str, size: int, mtime_ns: int) -> _Handle:
  handle = _Handle(path)
  stat = os.fstat(handle.file)
  if (stat.st_size, stat.st_mtime_ns) != (size, mtime_ns):
    raise ValueError(f'{path} changed after it was listed; open the data again')
  return handle
