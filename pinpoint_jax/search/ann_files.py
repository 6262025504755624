"""An index on disk: the engine's files, and index.json that vouches for them.

Native code reads a damaged file without a word, so every byte is compared with
its checksum before an engine sees it.
"""

from collections.abc import Callable
import dataclasses
import json
import os
import pathlib
import shutil
from typing import Any

from pinpoint_jax.disk import files
from pinpoint_jax.search import ann

NAME = 'index.json'


class BadIndex(ValueError):
  """An index folder that is damaged or not the one asked for."""


@dataclasses.dataclass(frozen=True)
class IndexSource:
  """What an index was made from.

  Attributes:
    num_rows: rows of the vectors.
    dim: dimension.
    fingerprint: of the vectors, as their owner counts it.
  """

  num_rows: int
  dim: int
  fingerprint: str


@dataclasses.dataclass(frozen=True)
class Record:
  """What index.json says.

  Attributes:
    engine: which library reads the files.
    engine_version: of the library that wrote them.
    made: what the index was made from.
    settings: how it was built and is searched.
  """

  engine: str
  engine_version: str
  made: IndexSource
  settings: ann.Settings


def write(folder: pathlib.Path, record: Record,
          write_files: Callable[[pathlib.Path], None],
          needed: int = 0) -> None:
  """Writes an index under its name only when all of it is on disk.

  `write_files` puts the engine's files into the folder it is given; about
  `needed` bytes, named if the disk is full.
  """
  folder = folder.absolute()
  partial = files.fresh_folder(folder)
  with files.refusing_full_disk(folder, needed):
    try:
      write_files(partial)
      content = dataclasses.asdict(record)
      content['checksums'] = _checksums(partial)
      files.write_json(partial / NAME, content)
      _swap(partial, folder)
    finally:
      shutil.rmtree(partial, ignore_errors=True)


def read(folder: pathlib.Path, made: IndexSource | None = None) -> Record:
  """What the folder holds, after every byte is found as it was written.

  An index of other vectors than `made` is refused.
  """
  content = _content(folder)
  try:
    record = Record(
        content['engine'], content['engine_version'],
        IndexSource(**content['made']),
        ann.Settings(**content['settings']))
    checksums = dict(content['checksums'])
  except (KeyError, TypeError, ValueError) as error:
    raise BadIndex(f'{folder / NAME} is not readable ({error}): build the '
                   f'index again') from None
  if made is not None:
    _check_made(folder, record.made, made)
  for name, checksum in checksums.items():
    _check_file(folder / name, checksum)
  for name in _names(folder):
    # An engine may read, or even unpickle, whatever lies there.
    if name not in checksums and name != NAME:
      raise BadIndex(f'{folder / name} is not part of the index: remove it')
  return record


def check_engine(folder: pathlib.Path, record: Record, engine: str) -> None:
  """Refuses the files of another engine."""
  if record.engine != engine:
    raise BadIndex(f'{folder} was built by {record.engine}, not by {engine}')


def _content(folder: pathlib.Path) -> dict[str, Any]:
  try:
    content = json.loads((folder / NAME).read_text())
  except FileNotFoundError:
    raise BadIndex(f'{folder} holds no index: {NAME} is missing') from None
  except ValueError as error:
    raise BadIndex(f'{folder / NAME} is not readable ({error}): build the '
                   f'index again') from None
  if not isinstance(content, dict):
    raise BadIndex(f'{folder / NAME} is no record of an index')
  return content


def _check_made(folder: pathlib.Path, found: IndexSource,
                wanted: IndexSource) -> None:
  for field in dataclasses.fields(IndexSource):
    one, other = getattr(found, field.name), getattr(wanted, field.name)
    if one != other:
      raise BadIndex(f'{folder} was built with {field.name} {one}, the gallery '
                     f'has {other}: build the index again')


def _check_file(path: pathlib.Path, checksum: str) -> None:
  if not path.is_file():
    raise BadIndex(f'{path} is missing: build the index again')
  found = files.checksum(path)
  if found != checksum:
    raise BadIndex(f'{path} is damaged (checksum {found}, written {checksum}): '
                   f'build the index again')


def _checksums(folder: pathlib.Path) -> dict[str, str]:
  """Checksums of all files, each of them put on disk first."""
  found = {}
  for name in _names(folder):
    with (folder / name).open('rb') as file:
      os.fsync(file.fileno())
    found[name] = files.checksum(folder / name)
  return found


def _names(folder: pathlib.Path) -> list[str]:
  """All files in the folder and below it."""
  return sorted(str(path.relative_to(folder)) for path in folder.rglob('*')
                if path.is_file())


def _swap(partial: pathlib.Path, folder: pathlib.Path) -> None:
  files.sync_folder(partial)
  if folder.exists():
    old = files.fresh_folder(folder)
    os.rename(folder, old)
    os.rename(partial, folder)
    shutil.rmtree(old, ignore_errors=True)
  else:
    os.rename(partial, folder)
  files.sync_folder(folder.parent)
