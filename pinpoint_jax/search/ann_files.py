"""An index on disk: the engine's files, and index.json that vouches for them.

Native code reads a damaged file without a word, so every byte is verified
before an engine sees it.
"""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any

from pinpoint_jax.disk import sealed
from pinpoint_jax.search import ann

NAME = 'index.json'


def _upgraded(folder: pathlib.Path, entries: dict[str, Any]) -> dict[str, Any]:
  entries = {{'made': 'source', 'checksums': 'files'}.get(name, name): value
             for name, value in entries.items()}
  return entries | {'files': sealed.upgrade_sums(folder, entries.get('files'))}


KIND = sealed.Kind(
    'index', ValueError, 'build the index again',
    {'engine': str, 'engine_version': str, 'source': dict, 'settings': dict,
     'files': dict}, ('tuning',), manifest=NAME, upgrade_fn=_upgraded)


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
    source: what the index was made from.
    settings: how it was built and is searched.
    tuning: why this engine and effort (ann_choice.Choice); None where nobody
      has measured.
  """

  engine: str
  engine_version: str
  source: IndexSource
  settings: ann.Settings
  tuning: Mapping[str, Any] | None = None


def write(folder: pathlib.Path, record: Record,
          write_files: Callable[[pathlib.Path], None],
          needed: int = 0) -> None:
  """Writes an index under its name only when all of it is on disk.

  `write_files` puts the engine's files into the folder it is given; about
  `needed` bytes, named if the disk is full.
  """
  folder = folder.absolute()
  with sealed.writing(folder, needed) as draft:
    write_files(draft.path)
    entries = {name: entry for name, entry in dataclasses.asdict(record).items()
               if entry is not None}
    draft.publish(folder, KIND, entries, replace=True)


def read(folder: pathlib.Path, source: IndexSource | None = None,
         read_all: bool = False) -> Record:
  """What the folder holds, after every byte is found as it was written.

  An index of other vectors than `source` is refused; `read_all` reads files too
  that were verified before.
  """
  manifest, files = sealed.open_files(folder, KIND)
  try:
    record = Record(
        manifest['engine'], manifest['engine_version'],
        IndexSource(**manifest['source']), ann.Settings(**manifest['settings']),
        manifest.get('tuning'))
  except (TypeError, ValueError) as error:
    raise ValueError(f'{folder / NAME} is not readable ({error}): build the '
                     f'index again') from None
  if source is not None:
    _check_source(folder, record.source, source)
  for name in files.unexpected():
    # An engine may read, or even unpickle, whatever lies there.
    raise ValueError(f'{folder / name} is not part of the index: remove it')
  if read_all:
    files.verify()
  for name in files.sums:
    files.path(name)
  return record


def check_engine(folder: pathlib.Path, record: Record, engine: str) -> None:
  """Refuses the files of another engine."""
  if record.engine != engine:
    raise ValueError(f'{folder} was built by {record.engine}, not by {engine}')


def _check_source(folder: pathlib.Path, actual: IndexSource,
                  expected: IndexSource) -> None:
  for field in dataclasses.fields(IndexSource):
    name = field.name
    if getattr(actual, name) != getattr(expected, name):
      raise ValueError(
          f'{folder} was built with {name} {getattr(actual, name)}, the '
          f'gallery has {getattr(expected, name)}: build the index again')
