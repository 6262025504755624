"""Neighbour lists and density on disk: flat files beside a gallery.

  neighbourhoods.json   rows, fingerprint of the gallery, checksums
  rows.i32.bin          [m]        starts.i64.bin   [g]
  dist_km.f32.bin       [m]        counts.i32.bin   [g]
  density.i32.bin       [g, 2 radii, 2 sources]

Made of all rows, also of deleted ones: a mask hides them. They stay good until
rows are added or the gallery is compacted.
"""

from collections.abc import Mapping
import dataclasses
import json
import pathlib
import shutil
from typing import Any

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files
from pinpoint_jax.gallery import density, layout, neighbour_lists, writer
from pinpoint_jax.gallery import gallery as galleries

VERSION = 1
MANIFEST = 'neighbourhoods.json'
_DTYPES = {'rows': '<i4', 'dist_km': '<f4', 'starts': '<i8', 'counts': '<i4',
           'density': '<i4'}
# What the numbers mean: others are refused.
_SETTINGS = {'version': VERSION, 'radius_km': neighbour_lists.RADIUS_KM,
             'most': neighbour_lists.MOST,
             'density_km': list(density.RADII_KM)}


class BadNeighbourhoods(ValueError):
  """Neighbour lists that cannot be trusted, or are not of this gallery."""


@dataclasses.dataclass(frozen=True)
class Neighbourhoods:
  """What lies around each gallery row.

  Attributes:
    lists: the nearest rows of the other source.
    density: rows within 1 and 25 km, itself too, by source, int32 [g, 2, 2].
  """

  lists: neighbour_lists.NeighbourLists
  density: Int[np.ndarray, 'g r s']

  def __len__(self) -> int:
    return len(self.lists)


def build(latlng_deg: Float[np.ndarray, 'g 2'],
          sources: UInt8[np.ndarray, 'g']) -> Neighbourhoods:
  """Lists and density of all gallery rows."""
  return Neighbourhoods(neighbour_lists.build(latlng_deg, sources),
                        density.count(latlng_deg, sources))


def save(found: Neighbourhoods, folder: pathlib.Path,
         fingerprint: str) -> None:
  """Writes a new folder, whole or not at all, for the gallery so named."""
  if folder.exists():
    raise BadNeighbourhoods(f'{folder} is there already; write to a new one')
  files.remove_partials(folder)
  partial = files.fresh_folder(folder)
  try:
    with files.refusing_full_disk(folder):
      facts = {name: _write(partial, name, values)
               for name, values in _arrays(found).items()}
    files.write_json(partial / MANIFEST, {
        **_SETTINGS, 'gallery': fingerprint, 'num_rows': len(found),
        'num_listed': len(found.lists.rows), 'files': facts})
    files.sync_folder(partial)
    partial.rename(folder)
    files.sync_folder(folder.parent)
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def load(folder: pathlib.Path, fingerprint: str) -> Neighbourhoods:
  """Memory-maps a folder after a look at every byte's checksum.

  Refuses one that belongs to another gallery than `fingerprint` names.
  """
  manifest = _manifest(folder)
  if manifest['gallery'] != fingerprint:
    raise BadNeighbourhoods(
        f'{folder} was built for gallery {manifest["gallery"]}, this is '
        f'gallery {fingerprint}: build the neighbour lists again')
  num_rows, num_listed = manifest['num_rows'], manifest['num_listed']
  shapes = {'rows': (num_listed,), 'dist_km': (num_listed,),
            'starts': (num_rows,), 'counts': (num_rows,),
            'density': (num_rows, len(density.RADII_KM), len(types.SOURCES))}
  arrays = {name: _read(folder, name, shape, manifest['files'][name])
            for name, shape in shapes.items()}
  counted = arrays.pop('density')
  return Neighbourhoods(neighbour_lists.NeighbourLists(**arrays), counted)


def _arrays(found: Neighbourhoods) -> dict[str, np.ndarray]:
  return {'rows': found.lists.rows, 'dist_km': found.lists.dist_km,
          'starts': found.lists.starts, 'counts': found.lists.counts,
          'density': found.density}


def _write(folder: pathlib.Path, name: str, values: np.ndarray) -> str:
  path = _path(folder, name)
  values = np.ascontiguousarray(values, _DTYPES[name])
  with files.atomic(path, values.nbytes) as file:
    file.write(values.data)
  return files.checksum(path)


def _read(folder: pathlib.Path, name: str, shape: tuple[int, ...],
          expected: str) -> np.ndarray:
  path = _path(folder, name)
  found = files.checksum(path) if path.is_file() else 'none, it is missing'
  if found != expected:
    raise BadNeighbourhoods(
        f'{path} was changed: checksum {found}, expected {expected}; build '
        'the neighbour lists again')
  dtype = np.dtype(_DTYPES[name])
  if path.stat().st_size != dtype.itemsize * int(np.prod(shape)):
    raise BadNeighbourhoods(f'{path} does not hold {shape} numbers')
  if not np.prod(shape):  # An empty file cannot be mapped.
    return np.zeros(shape, dtype)
  return np.memmap(path, dtype, 'r', shape=shape)


def _path(folder: pathlib.Path, name: str) -> pathlib.Path:
  return folder / f'{name}.{_DTYPES[name][1:2]}{8 * int(_DTYPES[name][2:])}.bin'


def _manifest(folder: pathlib.Path) -> Mapping[str, Any]:
  path = folder / MANIFEST
  try:
    manifest = json.loads(path.read_text(encoding='utf-8'))
  except OSError as error:
    raise BadNeighbourhoods(
        f'{path} cannot be read: {error.strerror}') from error
  except ValueError as error:
    raise BadNeighbourhoods(f'{path} is no JSON: {error}') from error
  kinds = {'gallery': str, 'num_rows': int, 'num_listed': int, 'files': dict}
  if not isinstance(manifest, dict) or any(
      type(manifest.get(name)) is not kind for name, kind in kinds.items()
  ) or set(manifest['files']) != set(_DTYPES):
    raise BadNeighbourhoods(f'{path} is not a manifest of neighbour lists')
  for name, value in _SETTINGS.items():
    if manifest.get(name) != value:
      raise BadNeighbourhoods(f'{path}: {name} is {manifest.get(name)!r}, this '
                              f'program reads {value!r}')
  return manifest


def load_or_build(gallery: galleries.Gallery) -> Neighbourhoods:
  """Those that lie beside the gallery; without them, new ones for now."""
  if folder_of(gallery).exists():
    return load(folder_of(gallery), gallery.rows_key())
  return build(gallery.latlng_deg, gallery.source)


def is_sound(gallery: galleries.Gallery) -> bool:
  """Whether there are any; refuses damaged or foreign ones."""
  if not folder_of(gallery).exists():
    return False
  load(folder_of(gallery), gallery.rows_key())
  return True


def build_beside(path: str | pathlib.Path) -> None:
  """Makes and keeps those of a gallery that has none."""
  with writer.writing(pathlib.Path(path)):
    gallery = galleries.open_gallery(path)
    if not folder_of(gallery).exists():
      folder_of(gallery).parent.mkdir(exist_ok=True)
      save(
          build(gallery.latlng_deg, gallery.source),
          folder_of(gallery), gallery.rows_key())


def folder_of(gallery: galleries.Gallery) -> pathlib.Path:
  """Where they lie, or would."""
  return layout.derived(gallery.path, 'support', gallery.rows_key())
