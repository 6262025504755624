"""Photos that `experiments.prepare_tfds` wrote: array_record files and a table.

  OUT/own_photos/NAME/1.0.0/
    own_photos-SPLIT.array_record-*    the original bytes and all columns
    photos-SPLIT.npz                   the table, so that none of them is read
                                       to know who took what, where

Random access to any row, without TensorFlow.
"""

from collections.abc import Mapping
import functools
import os
import pathlib
from typing import Any
import zipfile

from input_pipeline import sources
import numpy as np
from pinpoint_jax import types

BUILDER, VERSION = 'own_photos', '1.0.0'
_COLUMNS = ('ids', 'latlng_deg', 'authors', 'sequences')
_EXTRA = 'extra:'


class PreparedPhotos:
  """One split of a prepared data set."""

  def __init__(self, folder: str | pathlib.Path, split: str = 'main'):
    self._folder, self._split = pathlib.Path(folder), split
    path = table_path(self._folder, split)
    if not path.is_file():
      there = sorted(found.stem.removeprefix('photos-')
                     for found in self._folder.glob('photos-*.npz'))
      raise ValueError(
          f'{path} is missing: ' + (
              f'split {split!r} is none of {there}' if there else
              'python -m experiments.prepare_tfds writes it'))
    try:
      with np.load(path, allow_pickle=False) as arrays:
        table = {name: arrays[name] for name in arrays.files}
      self.photos = types.Photos(
          *(table[name] for name in _COLUMNS), source=str(table['source']))
      self.notes = tuple(table['notes'].tolist())
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
      raise ValueError(f'{path} cannot be read ({error}): remove it, and '
                       f'prepare_tfds writes it again') from error
    self.extra: Mapping[str, types.Strings] = {
        name.removeprefix(_EXTRA): table[name] for name in table
        if name.startswith(_EXTRA)}

  def read(self, row: int) -> bytes:
    """The image file of that row, as its owner published it."""
    return self._rows[int(row)]['image']

  @functools.cached_property
  def _rows(self) -> Any:
    import tensorflow_datasets as tfds  # Slow, and only the bytes need it.
    rows = tfds.builder_from_directory(str(self._folder)).as_data_source(
        self._split, decoders={'image': tfds.decode.SkipDecoding()})
    if len(rows) != len(self.photos):
      raise ValueError(f'{self._folder}: {len(rows):,} rows of {self._split}, '
                       f'its table has {len(self.photos):,}: prepare it again')
    return rows

  def __reduce__(self) -> tuple[Any, ...]:
    return PreparedPhotos, (self._folder, self._split)


def folder(root: str | pathlib.Path, name: str) -> pathlib.Path:
  """Where the prepared data set of that name lies below `root`."""
  return pathlib.Path(root) / BUILDER / name / VERSION


def table_path(folder: pathlib.Path, split: str) -> pathlib.Path:
  """The table of a split."""
  return folder / f'photos-{split}.npz'


def write_table(folder: pathlib.Path, split: str, source: sources.PhotoSource,
                rows: np.ndarray) -> None:
  """Writes the table of the rows that were prepared, whole or not at all."""
  path = table_path(folder, split)
  photos = source.photos.take(rows)
  extra = getattr(source, 'extra', {})
  partial = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
  try:
    with partial.open('wb') as file:
      np.savez_compressed(
          file, source=photos.source, notes=np.asarray(source.notes, np.str_),
          **{name: getattr(photos, name) for name in _COLUMNS},
          **{_EXTRA + name: extra[name][rows] for name in extra})
    partial.replace(path)
  finally:
    partial.unlink(missing_ok=True)
