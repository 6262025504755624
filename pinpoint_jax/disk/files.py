"""Files that are whole or not there, and their checksums."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import contextlib
import csv
import errno
import io
import json
import os
import pathlib
import shutil
from typing import Any, BinaryIO
import uuid

import xxhash

_BLOCK = 1 << 22
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


def checksum(path: pathlib.Path) -> str:
  """xxh3-128 of the file, as hex digits."""
  digest = xxhash.xxh3_128()
  with path.open('rb') as file:
    while block := file.read(_BLOCK):
      digest.update(block)
  return digest.hexdigest()


@contextlib.contextmanager
def atomic(path: pathlib.Path, needed: int = 0,
           replace: bool = True) -> Iterator[BinaryIO]:
  """A file that appears under its name only when it is whole and on disk.

  `needed` bytes are named if the disk is full. Without `replace` a file that is
  there, or that another writer finishes first, stays: FileExistsError.
  """
  partial = _partial(path)
  with refusing_full_disk(path, needed):
    try:
      with partial.open('wb') as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
      (os.replace if replace else _link)(partial, path)
      sync_folder(path.parent)
    finally:
      partial.unlink(missing_ok=True)


def write_json(path: pathlib.Path, value: Mapping[str, Any]) -> None:
  """Writes JSON atomically, keys in their order."""
  with atomic(path) as file:
    file.write(_json(value))


def write_json_once(path: pathlib.Path, value: Mapping[str, Any]) -> None:
  """As `write_json`, but of several writers at once the first one stays."""
  partial = _partial(path)
  with refusing_full_disk(path):
    try:
      partial.write_bytes(_json(value))
      os.link(partial, path)
    except FileExistsError:
      pass
    finally:
      partial.unlink(missing_ok=True)


def write_csv(path: pathlib.Path, lines: Iterable[Sequence[Any]]) -> None:
  """Writes lines of cells atomically, UTF-8, each line ended by LF."""
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows(lines)
  with atomic(path) as file:
    file.write(text.getvalue().encode())


@contextlib.contextmanager
def refusing_full_disk(path: pathlib.Path, needed: int = 0) -> Iterator[None]:
  """Turns a full disk into an error that names path, need and what is free."""
  try:
    yield
  except OSError as error:
    if error.errno not in _FULL:
      raise
    need = f'at least {needed:,} bytes are needed, ' if needed else ''
    free = shutil.disk_usage(path.parent).free
    raise OSError(
        error.errno, f'{path} cannot be written: {error.strerror}, {need}'
        f'{free:,} bytes are free there. What was finished before is intact; '
        f'make room and run the same command again') from error


def fresh_folder(path: pathlib.Path) -> pathlib.Path:
  """An empty folder beside `path`, to be renamed to it when it is whole."""
  partial = _partial(path)
  partial.mkdir(parents=True)
  return partial


def remove_partials(path: pathlib.Path) -> None:
  """Removes what killed writers of `path` left beside it."""
  for partial in path.parent.glob(f'.{path.name}.*.tmp'):
    if partial.is_dir():
      shutil.rmtree(partial, ignore_errors=True)
    else:
      partial.unlink(missing_ok=True)


def sync_folder(path: pathlib.Path) -> None:
  """Puts the names in a folder on disk, so that power may fail after."""
  handle = os.open(path, os.O_RDONLY)
  try:
    os.fsync(handle)
  finally:
    os.close(handle)


def _link(partial: pathlib.Path, path: pathlib.Path) -> None:
  """Gives a file its name unless the name is taken."""
  try:
    os.link(partial, path)
  except OSError as error:
    if error.errno not in _NO_LINKS:
      raise
    # Memory cards have no hard links: there the last look decides.
    if os.path.lexists(path):
      raise FileExistsError(
          errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
    os.replace(partial, path)


def _json(value: Mapping[str, Any]) -> bytes:
  return (json.dumps(value, indent=1) + '\n').encode()


def _partial(path: pathlib.Path) -> pathlib.Path:
  # Not the process id: machines that share the folder may have the same one.
  return path.with_name(f'.{path.name}.{uuid.uuid4().hex[:12]}.tmp')
