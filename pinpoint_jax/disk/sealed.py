"""Sealed folders: files that nobody changes, and a manifest that vouches.

  FOLDER/manifest.json     the owner's entries, and:
                             files: {NAME: {bytes, xxh3_128}}
                             manifest_xxh3_128: checksum of all other entries
  FOLDER/NAME              its bytes are verified before they are first used
  FOLDER/.verified.json    which files were (disk/verified.py)

A folder appears under its name when it is whole. A manifest that was written
before manifests had a checksum is still read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import shutil
import time
from typing import Any, BinaryIO

import numpy as np
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import verified
import xxhash

MANIFEST, CACHE = 'manifest.json', verified.CACHE
FILES, CHECKSUM = 'files', 'manifest_xxh3_128'
# By the name of a file: its bytes and its xxh3_128.
FileSums = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Kind:
  """One sort of sealed folder.

  Attributes:
    noun: what such a folder is.
    error: raised for a folder that cannot be trusted.
    remedy: what to do about one.
    needed: type of every entry that its manifests have.
    optional: entries that only some have.
    versions: of manifests that this program reads; empty if they have none.
    manifest: name of the manifest.
    upgrade_fn: makes today's entries of those of a manifest that has no
      checksum of itself.
  """

  noun: str
  error: type[ValueError]
  remedy: str
  needed: Mapping[str, type]
  optional: tuple[str, ...] = ()
  versions: tuple[int, ...] = ()
  manifest: str = MANIFEST
  upgrade_fn: Callable[[pathlib.Path, dict[str, Any]], dict[str, Any]] = (
      lambda folder, entries: entries)


def read_manifest(folder: pathlib.Path, kind: Kind) -> dict[str, Any]:
  """The manifest; refuses one that is missing, changed or of another kind."""
  path = folder / kind.manifest
  try:
    manifest = json.loads(path.read_text(encoding='utf-8'))
  except FileNotFoundError:
    raise kind.error(f'{path} is missing: {folder} is no {kind.noun}, or was '
                     f'not finished; {kind.remedy}') from None
  except (ValueError, RecursionError) as error:
    raise kind.error(f'{path}: not readable as JSON: {error}; '
                     f'{kind.remedy}') from error
  if not isinstance(manifest, dict):
    raise kind.error(f'{path}: not readable as a JSON object; {kind.remedy}')
  if not is_sealed(manifest):
    manifest = kind.upgrade_fn(folder, manifest)
  version = manifest.get('version')
  if kind.versions and version not in kind.versions:
    raise kind.error(f'{path}: version {version!r:.80}, this program reads '
                     f'{", ".join(map(str, kind.versions))}; {kind.remedy}')
  problems = _manifest_problems(manifest, kind)
  if problems:
    raise kind.error(f'{path}: {"; ".join(problems)}; {kind.remedy}')
  return manifest


def is_sealed(manifest: Mapping[str, Any]) -> bool:
  """Whether the manifest carries a checksum of itself, as all new ones do."""
  return CHECKSUM in manifest


def note(manifest: Mapping[str, Any]) -> dict[str, str]:
  """What a report on a folder says of an old manifest; else nothing."""
  return {} if is_sealed(manifest) else {
      'manifest': 'without a checksum of its own: --seal adds it'}


def write_manifest(folder: pathlib.Path, kind: Kind,
                   manifest: Mapping[str, Any]) -> None:
  """Puts a manifest, with a checksum of itself, in the place of another."""
  entries = entries_of(manifest)
  disk.write_json(folder / kind.manifest,
                  {**entries, CHECKSUM: _json_sum(entries)})


def entries_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
  """All that the manifest says but its own checksum."""
  return {name: value for name, value in manifest.items() if name != CHECKSUM}


def are_file_sums(value: Any) -> bool:
  """Whether `value` may be the entry `files` of a manifest."""
  return isinstance(value, dict) and all(
      is_safe(name) and isinstance(sums, dict)
      and set(sums) == {'bytes', 'xxh3_128'}
      and type(sums['bytes']) is int and sums['bytes'] >= 0
      and type(sums['xxh3_128']) is str for name, sums in value.items())


def is_safe(name: Any) -> bool:
  """Whether a relative name stays in its folder and is not hidden there."""
  return (type(name) is str and name != '' and not set(name) & {'\0', '\\'}
          and all(part and part[0] != '.' for part in name.split('/')))


def _manifest_problems(manifest: Mapping[str, Any], kind: Kind) -> list[str]:
  entries = entries_of(manifest)
  if CHECKSUM in manifest and manifest[CHECKSUM] != _json_sum(entries):
    return [f'it was changed: checksum {_json_sum(entries)}, expected '
            f'{manifest[CHECKSUM]!r:.80}']
  missing = sorted(set(kind.needed) - set(entries))
  unknown = sorted(set(entries) - set(kind.needed) - set(kind.optional))
  wrong = [f'{name} is {entries[name]!r:.80}' for name in entries
           if type(entries[name]) is not kind.needed.get(
               name, type(entries[name]))
           or name == FILES and not are_file_sums(entries[name])]
  return ([f'{missing} are missing'] * bool(missing)
          + [f'{unknown!r:.200} are unknown'] * bool(unknown) + wrong)


def _json_sum(entries: Mapping[str, Any]) -> str:
  text = json.dumps(entries, sort_keys=True, separators=(',', ':'))
  return xxhash.xxh3_128_hexdigest(text.encode())


@dataclasses.dataclass(frozen=True)
class Files:
  """The files of a folder, each verified before it is first used.

  Attributes:
    folder: where they are.
    sums: what their manifest says of each.
    kind: of the folder.
  """

  folder: pathlib.Path
  sums: FileSums
  kind: Kind

  def check_sizes(self, expected: Mapping[str, int] | None = None,
                  texts: Iterable[str] = ()) -> None:
    """Refuses missing files and sizes other than the manifest's.

    `expected` bytes follow from the manifest's other entries; `texts` are
    files of any size that must be there too.
    """
    expected = expected or {}
    problems = [f'{name} is not in the manifest'
                for name in (*expected, *texts) if name not in self.sums]
    for name, sums in self.sums.items():
      size = _size(self.folder / name)
      wanted = {sums['bytes'], expected.get(name, sums['bytes'])}
      if size is None:
        problems.append(f'{name} is missing')
      elif wanted != {size}:
        wanted = expected.get(name, sums['bytes'])
        problems.append(f'{name} has {size:,} bytes, expected {wanted:,}')
    self._refuse(problems)

  def path(self, name: str) -> pathlib.Path:
    """Where a file is, now that its bytes are known to be sound."""
    path = self.folder / name
    self._verify(name, verified.state(path), lambda: disk.checksum(path))
    return path

  def read(self, name: str) -> bytes:
    """All bytes of a file; these very bytes are verified."""
    path = self.folder / name
    data = path.read_bytes() if path.is_file() else None
    self._refuse(self._differences(
        name, None if data is None else xxhash.xxh3_128_hexdigest(data)))
    return data

  def array(self, name: str, dtype: str,
            shape: tuple[int, ...]) -> np.ndarray:
    """A verified file as an array, memory-mapped."""
    return MappedFile(self, name, dtype, shape).array

  def damage(self) -> list[str]:
    """All changed files, by their bytes, whatever was verified before."""
    return [problem for name in self.sums for problem in self._damage(name)]

  def verify(self) -> None:
    """Refuses a folder with any changed file, naming them all."""
    self._refuse(self.damage())

  def unexpected(self) -> list[str]:
    """Files in the folder that the manifest does not name."""
    known = {self.kind.manifest, *self.sums}
    return [name for name in file_names(self.folder) if name not in known]

  def _verify(self, name: str, opened: str,
              checksum_fn: Callable[[], str]) -> None:
    """Refuses a changed file, unless it is as it was when it was verified.

    `opened` is the state of the file whose checksum `checksum_fn` computes.
    """
    path, stamp = self.folder / name, f'{opened} {self.sums[name]["xxh3_128"]}'
    unchanged = verified.state(path) in (opened, '')
    if unchanged and verified.contains(self.folder, stamp):
      return
    began = time.time_ns()
    self._refuse(self._differences(name, checksum_fn() if opened else None))
    if verified.state(path) == opened and verified.is_settled(path, began):
      verified.add(self.folder, name, stamp, self.sums)

  def _damage(self, name: str) -> list[str]:
    path = self.folder / name
    return self._differences(
        name, disk.checksum(path) if path.is_file() else None)

  def _differences(self, name: str, actual: str | None) -> list[str]:
    wanted = self.sums[name]['xxh3_128']
    if actual is None:
      return [f'{name} is missing']
    return [f'{name} was changed: checksum {actual}, expected '
            f'{wanted}'] * (actual != wanted)

  def _refuse(self, problems: list[str]) -> None:
    if problems:
      raise self.kind.error(f'{self.folder}: {"; ".join(problems)}. '
                            f'{self.kind.remedy.capitalize()}')


class MappedFile:
  """A file that is mapped now and verified when it is first used.

  Once mapped it can be used even if a writer has removed it meanwhile.
  """

  def __init__(self, files: Files, name: str, dtype: str,
               shape: tuple[int, ...]):
    self._files, self._name = files, name
    with (files.folder / name).open('rb') as file:
      self._state = verified.state_of(os.fstat(file.fileno()))
      # An empty file cannot be mapped.
      self._array = (np.zeros(shape, dtype) if 0 in shape
                     else np.memmap(file, dtype, 'r', shape=shape))

  @functools.cached_property
  def array(self) -> np.ndarray:
    """The verified content."""
    self._files._verify(self._name, self._state, self._checksum)
    return self._array

  def _checksum(self) -> str:
    path = self._files.folder / self._name
    if verified.state(path) == self._state:
      return disk.checksum(path)
    return xxhash.xxh3_128_hexdigest(memoryview(self._array))


def open_files(folder: pathlib.Path, kind: Kind) -> tuple[
    dict[str, Any], Files]:
  """Manifest and files of a folder, after a look at the files' sizes."""
  manifest = read_manifest(folder, kind)
  files = Files(folder, manifest[FILES], kind)
  files.check_sizes()
  return manifest, files


def file_names(folder: pathlib.Path) -> list[str]:
  """All files in the folder and below it but hidden ones, relative to it."""
  names = [path.relative_to(folder).as_posix()
           for path in folder.rglob('*') if path.is_file()]
  return sorted(name for name in names if is_safe(name))


def upgrade_sums(folder: pathlib.Path, sums: Any) -> Any:
  """Entry `files` of an old manifest that had only a checksum for each."""
  if not isinstance(sums, dict):
    return sums
  size = lambda name: is_safe(name) and _size(folder / name) or 0
  return {name: {'bytes': size(name), 'xxh3_128': checksum}
          for name, checksum in sums.items()}


def _size(path: pathlib.Path) -> int | None:
  return path.stat().st_size if path.is_file() else None


class Draft:
  """A folder that is being written; its files are summed on the way.

  Attributes:
    path: where it is until it is published.
    sums: of the files written so far.
  """

  def __init__(self, path: pathlib.Path):
    self.path = path
    self.sums: dict[str, dict[str, Any]] = {}

  @contextlib.contextmanager
  def open(self, name: str) -> Iterator['SummedFile']:
    """A new file, on disk and summed when the context ends."""
    with (self.path / name).open('wb') as stream:
      file = SummedFile(stream)
      yield file
      stream.flush()
      os.fsync(stream.fileno())
    self.sums[name] = file.sums()

  def write(self, name: str, data: bytes | memoryview) -> None:
    """Writes a whole file."""
    with self.open(name) as file:
      file.write(data)

  def finish(self) -> dict[str, dict[str, Any]]:
    """Sums of all files, also of those that others wrote; all on disk."""
    for name in file_names(self.path):
      if name not in self.sums:
        path = self.path / name
        with path.open('rb') as file:
          os.fsync(file.fileno())
        self.sums[name] = {'bytes': path.stat().st_size,
                           'xxh3_128': disk.checksum(path)}
    for path in (self.path, *self.path.rglob('*')):
      if path.is_dir():
        disk.sync_folder(path)
    return {name: self.sums[name] for name in sorted(self.sums)}

  def publish(self, folder: pathlib.Path, kind: Kind,
              manifest: Mapping[str, Any], replace: bool = False) -> None:
    """Writes the manifest, last, and gives the draft its name.

    A folder of that name is refused unless it says the same, then it stays,
    or unless `replace`.
    """
    write_manifest(self.path, kind, {**manifest, FILES: self.finish()})
    if replace and folder.exists():
      old = disk.fresh_folder(folder)
      os.rename(folder, old)
      os.rename(self.path, folder)
      shutil.rmtree(old, ignore_errors=True)
    else:
      self._rename(folder, kind)
    disk.sync_folder(folder.parent)

  def _rename(self, folder: pathlib.Path, kind: Kind) -> None:
    try:
      os.rename(self.path, folder)
    except OSError:
      theirs, ours = folder / kind.manifest, self.path / kind.manifest
      if not theirs.is_file():
        raise
      if theirs.read_bytes() != ours.read_bytes():
        raise kind.error(f'{folder} is there already and differs: remove it, '
                         f'or write elsewhere') from None


class SummedFile:
  """A file that is summed while it is written."""

  def __init__(self, stream: BinaryIO):
    self._stream, self._digest, self._bytes = stream, xxhash.xxh3_128(), 0

  def write(self, data: bytes | memoryview) -> None:
    """Appends bytes."""
    self._stream.write(data)
    self._digest.update(data)
    self._bytes += memoryview(data).nbytes

  def sums(self) -> dict[str, Any]:
    """What a manifest says of it."""
    return {'bytes': self._bytes, 'xxh3_128': self._digest.hexdigest()}


@contextlib.contextmanager
def writing(folder: pathlib.Path, needed: int = 0) -> Iterator[Draft]:
  """A draft of `folder` beside it, removed at the end unless published.

  About `needed` bytes are named if the disk is full.
  """
  with disk.refusing_full_disk(folder, needed):
    partial = disk.fresh_folder(folder)
    try:
      yield Draft(partial)
    finally:
      shutil.rmtree(partial, ignore_errors=True)
