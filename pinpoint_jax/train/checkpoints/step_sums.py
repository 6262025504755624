"""The checksums that lie inside a checkpoint step and make it whole."""

from collections.abc import Iterator
import json
import os
import pathlib
from typing import Any

from pinpoint_jax.disk import files
import xxhash

NAME = 'checksums.json'
# Orbax writes these two after its last hook; they hold no training state.
_METADATA = '_CHECKPOINT_METADATA'
_COMMITTED = 'commit_success.txt'
_COMMIT_TIME = 'commit_timestamp_nsecs'


def seal(folder: pathlib.Path) -> None:
  """Puts every file of the step on disk and its checksum beside them."""
  content = {
      'files': {name: _entry(folder / name) for name in _names(folder)},
      'orbax': _orbax_metadata(folder),
  }
  # Nobody looks into an unfinished step, so this file need not be atomic.
  (folder / NAME).write_text(
      json.dumps({**content, 'sum': _own_sum(content)}, indent=1))
  _sync(folder / NAME)
  for inner in (folder, *folder.rglob('*')):
    if inner.is_dir():
      files.sync_folder(inner)


def faults(folder: pathlib.Path) -> list[str]:
  """What is wrong with the step, one line a file; nothing if it is good."""
  try:
    content = json.loads((folder / NAME).read_bytes())
    if content.pop('sum') != _own_sum(content):
      return [f'{folder / NAME} does not match its own checksum']
  except FileNotFoundError:
    return [f'{folder / NAME} is missing']
  except (ValueError, KeyError, AttributeError):
    return [f'{folder / NAME} is no readable JSON']
  return [
      *_file_faults(folder, content['files']),
      *_commit_faults(folder, content['orbax']),
  ]


def _file_faults(
    folder: pathlib.Path, entries: dict[str, list[Any]]) -> Iterator[str]:
  for name, (size, expected) in entries.items():
    path = folder / name
    if not path.is_file():
      yield f'{path} is missing'
    elif path.stat().st_size != size:
      yield f'{path} has {path.stat().st_size:,} bytes instead of {size:,}'
    elif files.checksum(path) != expected:
      yield f'{path} does not match its checksum'


def _commit_faults(
    folder: pathlib.Path, expected: dict[str, Any]) -> Iterator[str]:
  try:
    if _orbax_metadata(folder) != expected:
      yield f'{folder / _METADATA} is not as it was written'
  except FileNotFoundError:
    yield f'{folder / _METADATA} is missing'
  except (ValueError, AttributeError):
    yield f'{folder / _METADATA} is no readable JSON'
  if not (folder / _COMMITTED).is_file():
    yield f'{folder / _COMMITTED} is missing'


def _names(folder: pathlib.Path) -> list[str]:
  return sorted(
      str(path.relative_to(folder)) for path in folder.rglob('*')
      if path.is_file() and path != folder / _METADATA)


def _entry(path: pathlib.Path) -> list[Any]:
  _sync(path)
  return [path.stat().st_size, files.checksum(path)]


def _sync(path: pathlib.Path) -> None:
  with path.open('rb') as file:
    os.fsync(file.fileno())


def _orbax_metadata(folder: pathlib.Path) -> dict[str, Any]:
  metadata = json.loads((folder / _METADATA).read_bytes())
  metadata.pop(_COMMIT_TIME, None)
  return metadata


def _own_sum(content: dict[str, Any]) -> str:
  return xxhash.xxh3_128_hexdigest(
      json.dumps(content, sort_keys=True).encode())
