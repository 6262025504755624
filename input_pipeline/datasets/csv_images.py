"""A CSV of photos and the folder where their image files lie.

Ids may carry an extension or not and may lie at any depth: the whole path is
tried first, then the bare name. Files are only ever looked up among those
found below the folder, so an id never becomes a path of its own.
"""

from collections.abc import Sequence
import os
import pathlib

from input_pipeline import csv_table
from input_pipeline.datasets import file_names, file_photos
import numpy as np
from pinpoint_jax import types

_NUM_EXAMPLES = 5
_AMBIGUOUS = ''


def read_csv_images(
    table: str | pathlib.Path,
    images: str | pathlib.Path,
    source: types.Source = 'photo',
    swapped: str = 'refuse',
    duplicates: str = 'refuse',
    allow_null_island: bool = False,
) -> file_photos.FilePhotos:
  """Rows of the CSV `table` that have an image below the folder `images`.

  The last three are those of `csv_table.read_photos_csv`.
  """
  root = pathlib.Path(images)
  if not root.is_dir():
    raise ValueError(f'{root} is not a folder')
  read = csv_table.read_photos_csv(table, source, swapped, duplicates,
                                   allow_null_island)
  names, num_links = _image_files(root)
  files = _find(read.photos.ids, names)
  rows = np.flatnonzero([bool(file) for file in files])
  if not len(rows):
    raise ValueError(
        f'{root}: none of {len(files)} ids of {table} is an image file here, '
        f'such as {read.photos.ids[0]!r}; {len(names)} image files were found')
  kept = [files[row] for row in rows]
  notes = (*read.notes, *_notes(root, read.photos.ids, files),
           *_unused(root, names, kept, num_links))
  extra = {name: text[rows] for name, text in read.extra.items()}
  return file_photos.FilePhotos(root, np.asarray(kept, np.str_),
                                read.photos.take(rows), notes, extra)


def _image_files(root: pathlib.Path) -> tuple[list[str], int]:
  """Image files below `root`, sorted, and how many links were passed by."""
  names, num_links = [], 0
  for place, folders, files in os.walk(root, followlinks=False):
    base = pathlib.Path(place)
    for name in folders + files:
      num_links += (base / name).is_symlink()
    names += [(base / name).relative_to(root).as_posix() for name in files
              if name.lower().endswith(file_photos.EXTENSIONS)
              and not (base / name).is_symlink()]
  return sorted(names), num_links


def _find(ids: types.Strings, names: Sequence[str]) -> list[str | None]:
  """File of each id; None where there is none, '' where there are several."""
  whole, paths, bare = set(names), {}, {}
  for name in names:
    for places, key in ((paths, file_names.key(name)),
                        (bare, file_names.key(name.rsplit('/', 1)[-1]))):
      places[key] = _AMBIGUOUS if key in places else name
  def find(name: str) -> str | None:
    if name in whole:
      return name
    key = file_names.key(name)
    return paths.get(key, bare.get(key))
  return [find(str(name)) for name in ids]


def _notes(root: pathlib.Path, ids: types.Strings,
           files: Sequence[str | None]) -> list[str]:
  """Rows without a file of their own."""
  notes = []
  for reason, mark in (('no image file', None),
                       ('several image files of that name', _AMBIGUOUS)):
    rows = [i for i, file in enumerate(files) if file == mark]
    if rows:
      shown = ', '.join(f'row {i}: {ids[i]}' for i in rows[:_NUM_EXAMPLES])
      notes.append(f'{root}: {len(rows)} of {len(files)} rows left out, '
                   f'{reason}: {shown}')
  return notes


def _unused(root: pathlib.Path, names: Sequence[str], kept: Sequence[str],
            num_links: int) -> list[str]:
  """Notes on files without a row, and on links."""
  unused = len(names) - len(set(kept))
  notes = [f'{root}: {unused} image files left out: in no row, or in none that '
           f'is kept'] if unused else []
  shared = len(kept) - len(set(kept))
  if shared:
    notes.append(f'{root}: {shared} rows share an image file with another row')
  if num_links:
    notes.append(f'{root}: {num_links} links left out: only files of the '
                 f'folder itself are read')
  return notes
