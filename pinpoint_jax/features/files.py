"""Files that are whole or not there, and their checksums."""

from collections.abc import Iterator, Mapping
import contextlib
import errno
import json
import os
import pathlib
import shutil
from typing import Any, BinaryIO

import xxhash

_BLOCK = 1 << 22
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def checksum(path: pathlib.Path) -> str:
  """xxh3-128 of the file, as hex digits."""
  digest = xxhash.xxh3_128()
  with path.open('rb') as file:
    while block := file.read(_BLOCK):
      digest.update(block)
  return digest.hexdigest()


@contextlib.contextmanager
def atomic(path: pathlib.Path) -> Iterator[BinaryIO]:
  """A file that appears under its name only when it is whole and on disk."""
  partial = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
  try:
    with refusing_full_disk(path), partial.open('wb') as file:
      yield file
      file.flush()
      os.fsync(file.fileno())
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)


def write_json(path: pathlib.Path, value: Mapping[str, Any]) -> None:
  """Writes JSON atomically, keys in their order."""
  with atomic(path) as file:
    file.write((json.dumps(value, indent=1) + '\n').encode())


@contextlib.contextmanager
def refusing_full_disk(path: pathlib.Path) -> Iterator[None]:
  """Turns a full disk into an error that names the path and what is free."""
  try:
    yield
  except OSError as error:
    if error.errno not in _FULL:
      raise
    free = shutil.disk_usage(path.parent).free
    raise OSError(
        error.errno, f'{path} cannot be written: {error.strerror}, '
        f'{free:,} bytes are free there. What was finished before is intact; '
        f'make room and run the same command again') from error


def fresh_folder(path: pathlib.Path) -> pathlib.Path:
  """An empty folder beside `path`, to be renamed to it when it is whole."""
  partial = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
  shutil.rmtree(partial, ignore_errors=True)
  partial.mkdir(parents=True)
  return partial
