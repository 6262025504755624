"""A table on disk that is made part by part and read like one.

  about.json                 what it is made from: another one is refused
  part_00000/NAME.npy        some rows of every column, whole or not there
  part_00000/checksums.json
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import pathlib
import shutil
from typing import Any

from jaxtyping import Int
import numpy as np
from pinpoint_jax.disk import files

ABOUT, SUMS = 'about.json', 'checksums.json'


class BadParts(ValueError):
  """A table that belongs to something else, or was changed."""


@dataclasses.dataclass(frozen=True)
class Table:
  """Rows of all parts, one part after the other, memory-mapped.

  Attributes:
    parts: columns of each part by name.
    fingerprint: changes with what it was made from and with any byte.
  """

  parts: Sequence[Mapping[str, np.ndarray]]
  fingerprint: str

  def __len__(self) -> int:
    return int(self._ends[-1])

  def take(self, rows: Int[np.ndarray, 'n']) -> dict[str, np.ndarray]:
    """Every column of those rows, in that order."""
    which = np.searchsorted(self._ends, rows, side='right')
    found = {name: np.empty((len(rows), *column.shape[1:]), column.dtype)
             for name, column in self.parts[0].items()}
    for i in np.unique(which):
      at = which == i
      inside = rows[at] - (self._ends[i - 1] if i else 0)
      for name, column in self.parts[i].items():
        found[name][at] = column[inside]
    return found

  @functools.cached_property
  def _ends(self) -> Int[np.ndarray, 'p']:
    return np.cumsum([len(next(iter(part.values()))) for part in self.parts])


class Folder:
  """A table in the making; a part that is there stays."""

  def __init__(self, path: pathlib.Path, about: Mapping[str, Any]):
    """Begins a table, or goes on with one made from the same things."""
    self._path, self._about = path, json.loads(json.dumps(about))
    path.mkdir(parents=True, exist_ok=True)
    if not (path / ABOUT).exists():
      files.write_json(path / ABOUT, self._about)
    was = _read(path / ABOUT)
    changes = [f'{name} {was.get(name)!r} → {self._about.get(name)!r}'
               for name in {**was, **self._about}
               if was.get(name) != self._about.get(name)]
    if changes:
      raise BadParts(f'{path} was made from other things '
                     f'({"; ".join(changes)}): use another workdir, or remove '
                     f'that folder')

  def has(self, number: int) -> bool:
    """Whether that part is there, whole."""
    return self._part(number).exists()

  def write(self, number: int, columns: Mapping[str, np.ndarray]) -> None:
    """Adds a part, whole or not at all."""
    path = self._part(number)
    files.remove_partials(path)
    partial = files.fresh_folder(path)
    try:
      with files.refusing_full_disk(
          path, sum(column.nbytes for column in columns.values())):
        for name, column in columns.items():
          with (partial / f'{name}.npy').open('wb') as file:
            np.save(file, column, allow_pickle=False)
      files.write_json(partial / SUMS, {
          name: files.checksum(partial / f'{name}.npy') for name in columns})
      partial.rename(path)
      files.sync_folder(path.parent)
    finally:
      shutil.rmtree(partial, ignore_errors=True)

  def open(self, count: int) -> Table:
    """The table of parts 0 to count - 1, after a look at every byte."""
    digest = hashlib.sha256(json.dumps(self._about, sort_keys=True).encode())
    found = []
    for number in range(count):
      sums = _read(self._part(number) / SUMS)
      digest.update(json.dumps(sums, sort_keys=True).encode())
      found.append({name: _column(self._part(number) / f'{name}.npy', expected)
                    for name, expected in sums.items()})
    return Table(found, digest.hexdigest()[:16])

  def _part(self, number: int) -> pathlib.Path:
    return self._path / f'part_{number:05d}'


def _column(path: pathlib.Path, expected: str) -> np.ndarray:
  found = files.checksum(path) if path.is_file() else 'none, it is missing'
  if found != expected:
    raise BadParts(f'{path} was changed: checksum {found}, expected '
                   f'{expected}; remove {path.parent} to have it made again')
  return np.load(path, mmap_mode='r', allow_pickle=False)


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    return dict(json.loads(path.read_text(encoding='utf-8')))
  except (OSError, ValueError, TypeError) as error:
    raise BadParts(f'{path} cannot be read ({error}); remove {path.parent} to '
                   f'have it made again') from error
