"""Photos that lie in a folder, and how their files are read.

The folder may change while it is read: no link on the way to a photo is
followed, so nothing outside the folder is ever read, and a photo that has gone
is quarantined by the caller rather than ending the job.
"""

from collections.abc import Callable, Mapping
import dataclasses
import json
import os
import pathlib
import stat
from typing import Any
import zipfile

from jaxtyping import Shaped
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.images import decode

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.tif',
              '.tiff', '.avif', '.heic', '.heif')
MAX_FILE_BYTES = 256 << 20
_COLUMNS = ('ids', 'latlng_deg', 'authors', 'sequences')


@dataclasses.dataclass(frozen=True)
class Quarantined:
  """A file left out: path below the folder, one-word reason, the details."""

  path: str
  reason: str
  text: str


@dataclasses.dataclass(frozen=True)
class FilePhotos:
  """Photos that lie in a folder.

  Attributes:
    root: the folder.
    files: path of each photo below `root`, with '/', [n].
    photos: the table.
    notes: what was left out or noticed.
    extra: further columns of the table, as text.
    quarantine: the files that were left out, where each is worth a line.
  """

  root: pathlib.Path
  files: Shaped[np.ndarray, 'n']
  photos: types.Photos
  notes: tuple[str, ...]
  extra: Mapping[str, types.Strings] = dataclasses.field(default_factory=dict)
  quarantine: tuple[Quarantined, ...] = ()

  def read(self, row: int) -> bytes:
    """The bytes of the photo in that row, as they lie in the folder."""
    return read_file(self.root, str(self.files[row]))

  def take(self, rows: np.ndarray, note: str) -> 'FilePhotos':
    """The photos at `rows` (indices or mask), with a note that says why."""
    extra = {name: text[rows] for name, text in self.extra.items()}
    return FilePhotos(self.root, self.files[rows], self.photos.take(rows),
                      (*self.notes, note), extra, self.quarantine)


def read_file(root: pathlib.Path, name: str) -> bytes:
  """The bytes of a regular file below `root`; follows no link on the way."""
  folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
  try:
    *parents, last = name.split('/')
    for parent in parents:
      folder, outer = _open_at(folder, parent, os.O_DIRECTORY), folder
      os.close(outer)
    # O_NONBLOCK: a pipe without a writer would block for ever.
    file = _open_at(folder, last, os.O_NONBLOCK)
  except OSError as error:
    raise decode.BadImage(
        'unreadable', f'{name!r} is gone or became a link: {error.strerror}'
    ) from error
  finally:
    os.close(folder)
  try:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
      raise decode.BadImage(
          'not_a_file', f'{name!r} is a folder, pipe, socket or device')
    check_size(status.st_size, name)
    with open(file, 'rb', closefd=False) as stream:
      return stream.read()
  finally:
    os.close(file)


def _open_at(folder: int, name: str, flags: int) -> int:
  return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags,
                 dir_fd=folder)


def check_size(size: int, name: str) -> None:
  """Raises BadImage('too_large') before such a file is read."""
  if size > MAX_FILE_BYTES:
    raise decode.BadImage('too_large', f'{name}: {size:,} bytes, more than '
                          f'{MAX_FILE_BYTES:,}')


def recorded(record: pathlib.Path, about: Mapping[str, Any],
             read: Callable[[], Any]) -> Any:
  """The photos in `record` if it is of the same `about`; else reads them.

  Photos of a folder are recorded, so that a job that is resumed has those that
  it began with, though some may have gone since. Other sources do not change.
  """
  text = json.dumps(about, sort_keys=True, default=str)
  if record.is_file():
    try:
      with np.load(record, allow_pickle=False) as arrays:
        columns = {name: arrays[name] for name in arrays.files}
      if str(columns['about']) == text:
        return FilePhotos(
            pathlib.Path(str(columns['root'])), columns['files'],
            types.Photos(*(columns[name] for name in _COLUMNS),
                         source=str(columns['source'])),
            tuple(columns['notes'].tolist()))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
      raise ValueError(f'{record}: not readable ({error}); remove it, and the '
                       f'photos are listed again') from error
  source = read()
  if isinstance(source, FilePhotos) and not record.is_file():
    _write(record, source, text)
  return source


def _write(record: pathlib.Path, source: FilePhotos, about: str) -> None:
  record.parent.mkdir(parents=True, exist_ok=True)
  partial = record.with_name(f'.{record.name}.{os.getpid()}.tmp')
  try:
    with partial.open('wb') as file:
      np.savez_compressed(
          file, about=about, root=str(source.root), files=source.files,
          notes=np.asarray(source.notes, np.str_), source=source.photos.source,
          **{name: getattr(source.photos, name) for name in _COLUMNS})
    partial.replace(record)
  finally:
    partial.unlink(missing_ok=True)
