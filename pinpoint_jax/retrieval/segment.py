"""Rows of one build or one addition, in the order of their ids, on disk."""

from collections.abc import Mapping
import dataclasses
import functools
import pathlib
from typing import Any

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import gallery_files as files
from pinpoint_jax.retrieval import vectors
from pinpoint_jax.retrieval.gallery_columns import Coded, Ids, lines


@dataclasses.dataclass(frozen=True)
class Segment:
  """Part of a gallery.

  Attributes:
    name: a hash of its files.
    files: each file by its name, memory-mapped; text as bytes.
  """

  name: str
  files: Mapping[str, np.ndarray]

  def __len__(self) -> int:
    return len(self.files[files.SOURCE])

  @functools.cached_property
  def ids(self) -> Ids:
    """Ids in order, still on disk."""
    return Ids(self.files[files.IDS], self.files[files.ID_OFFSETS])

  def coded(self, name: str) -> Coded:
    """One of the coded columns."""
    return Coded(self.files[files.codes_file(name)],
                 lines(self.files[files.names_file(name)]))

  def channel(self, name: str) -> vectors.Vectors | None:
    """Vectors that one of types.CHANNELS searches; None without raw."""
    found = {'image': files.Z_IMAGE, 'location': files.Z_LOCATION}
    if name in found:
      return vectors.Vectors(self.files[found[name]])
    if name != 'raw':
      raise ValueError(f'channel {name!r}: choices are {types.CHANNELS}')
    for file in files.RAW_FILES.values():
      if file in self.files:
        return vectors.Vectors(self.files[file],
                               self.files.get(files.RAW_SCALE))
    return None


def open_segment(path: pathlib.Path, manifest: Mapping[str, Any],
                 about: Mapping[str, Any]) -> Segment:
  """Maps the files of a segment of the gallery at `path`."""
  folder = path / files.SEGMENTS / about['name']
  arrays = files.arrays(manifest, about['rows'])
  return Segment(about['name'], {
      name: _map(folder / name, *arrays.get(name, ('u1', (facts['bytes'],))))
      for name, facts in about['files'].items()})


def _map(path: pathlib.Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
  if 0 in shape:
    return np.zeros(shape, dtype)
  return np.memmap(path, dtype, 'r', shape=shape)
