"""A table on disk that is written part by part and read like one.

  about.json                  what it is made from: another one is refused
  part_00000/NAME.npy         some rows of every column, whole or not there
  part_00000/manifest.json    their checksums; a part is a sealed folder
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

from jaxtyping import Int
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.disk import files, sealed

ABOUT = 'about.json'


KIND = sealed.Kind('part of a table', ValueError,
                   'remove that folder to have it made again', {'files': dict})


class Interrupted(Exception):
  """Stopped on request; finished parts are kept."""


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
    taken = {name: np.empty((len(rows), *column.shape[1:]), column.dtype)
             for name, column in self.parts[0].items()}
    for i, at, inside in blocks.by_part(self._ends, rows):
      for name, column in self.parts[i].items():
        taken[name][at] = column[inside]
    return taken

  @functools.cached_property
  def _ends(self) -> Int[np.ndarray, 'p']:
    return np.cumsum([len(next(iter(part.values()))) for part in self.parts])


class Folder:
  """A table that is being written; a part that is there stays."""

  def __init__(self, path: pathlib.Path, about: Mapping[str, Any]):
    """Begins a table, or goes on with one made from the same things."""
    self._path, self._about = path, json.loads(json.dumps(about))
    path.mkdir(parents=True, exist_ok=True)
    if not (path / ABOUT).exists():
      files.write_json(path / ABOUT, self._about)
    saved = _read(path / ABOUT)
    changes = [f'{name} {saved.get(name)!r} → {self._about.get(name)!r}'
               for name in {**saved, **self._about}
               if saved.get(name) != self._about.get(name)]
    if changes:
      raise ValueError(f'{path} was made from other things '
                       f'({"; ".join(changes)}): use another workdir, or '
                       f'remove that folder')

  def has(self, number: int) -> bool:
    """Whether that part is there, whole."""
    return (self._part(number) / KIND.manifest).exists()

  def write(self, number: int, columns: Mapping[str, np.ndarray]) -> None:
    """Adds a part, whole or not at all."""
    path = self._part(number)
    files.remove_partials(path)
    needed = sum(column.nbytes for column in columns.values())
    with sealed.writing(path, needed) as draft:
      for name, column in columns.items():
        with draft.open(f'{name}.npy') as file:
          np.lib.format.write_array(file, column, allow_pickle=False)
      draft.publish(path, KIND, {}, replace=True)

  def open(self, count: int) -> Table:
    """The table of parts 0 to count - 1, after a look at every byte."""
    digest = hashlib.sha256(json.dumps(self._about, sort_keys=True).encode())
    parts = []
    for number in range(count):
      manifest, opened = sealed.open_files(self._part(number), KIND)
      sums = {name.removesuffix('.npy'): x['xxh3_128']
              for name, x in manifest['files'].items()}
      digest.update(json.dumps(sums, sort_keys=True).encode())
      parts.append({name: np.load(opened.path(f'{name}.npy'), mmap_mode='r',
                                  allow_pickle=False) for name in sums})
    return Table(parts, digest.hexdigest()[:16])

  def _part(self, number: int) -> pathlib.Path:
    return self._path / f'part_{number:05d}'


def _read(path: pathlib.Path) -> dict[str, Any]:
  try:
    return dict(json.loads(path.read_text(encoding='utf-8')))
  except (OSError, ValueError, TypeError) as error:
    raise ValueError(f'{path} cannot be read ({error}); remove {path.parent} '
                     f'to have it made again') from error
