"""Neighbour lists and density on disk: flat files in a gallery's folder.

  neighbourhoods.json   rows, the gallery's rows_key, checksums
  rows.i32.bin          [m]        starts.i64.bin   [g]
  dist_km.f32.bin       [m]        counts.i32.bin   [g]
  density.i32.bin       [g, 2 radii, 2 sources]

They cover all rows, deleted ones too: a mask hides those. They stay valid until
rows are added or the gallery is compacted.
"""

import dataclasses
import math
import pathlib
from typing import Any

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import sealed
from pinpoint_jax.gallery import density, layout, neighbour_lists
from pinpoint_jax.gallery import gallery as galleries

VERSION = 1
MANIFEST = 'neighbourhoods.json'
_FILES = {'rows': 'rows.i32.bin', 'dist_km': 'dist_km.f32.bin',
          'starts': 'starts.i64.bin', 'counts': 'counts.i32.bin',
          'density': 'density.i32.bin'}
_DTYPES = {'rows': '<i4', 'dist_km': '<f4', 'starts': '<i8', 'counts': '<i4',
           'density': '<i4'}
# What the numbers mean: others are refused.
_SETTINGS = {'version': VERSION, 'radius_km': neighbour_lists.RADIUS_KM,
             'most': neighbour_lists.MOST,
             'density_km': list(density.RADII_KM)}


class BadNeighbourhoods(ValueError):
  """Neighbour lists that cannot be trusted, or are not of this gallery."""


def _upgraded(folder: pathlib.Path, entries: dict[str, Any]) -> dict[str, Any]:
  sums = entries.get('files')
  if isinstance(sums, dict):
    sums = {_FILES.get(name, name): x for name, x in sums.items()}
  return entries | {'files': sealed.upgrade_sums(folder, sums)}


KIND = sealed.Kind(
    'folder of neighbour lists', BadNeighbourhoods,
    'build the neighbour lists again',
    {name: type(value) for name, value in _SETTINGS.items()}
    | {'gallery': str, 'num_rows': int, 'num_listed': int, 'files': dict},
    versions=(VERSION,), manifest=MANIFEST, upgrade_fn=_upgraded)


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


def save(neighbourhoods: Neighbourhoods, folder: pathlib.Path,
         rows_key: str) -> None:
  """Writes a new folder, whole or not at all, for the gallery so named."""
  lists = neighbourhoods.lists
  arrays = {'rows': lists.rows, 'dist_km': lists.dist_km,
            'starts': lists.starts, 'counts': lists.counts,
            'density': neighbourhoods.density}
  disk.remove_partials(folder)
  with sealed.writing(folder, sum(x.nbytes for x in arrays.values())) as draft:
    for name, values in arrays.items():
      draft.write(_FILES[name], np.ascontiguousarray(
          values, _DTYPES[name]).tobytes())
    draft.publish(folder, KIND, {
        **_SETTINGS, 'gallery': rows_key, 'num_rows': len(neighbourhoods),
        'num_listed': len(lists.rows)})


def load(folder: pathlib.Path, rows_key: str,
         read_all: bool = False) -> Neighbourhoods:
  """Memory-maps a folder; every byte was verified, now or before.

  Refuses one that belongs to another gallery than `rows_key` names; `read_all`
  reads files too that were verified before.
  """
  manifest = sealed.read_manifest(folder, KIND)
  for name, value in _SETTINGS.items():
    if manifest[name] != value:
      raise BadNeighbourhoods(
          f'{folder / MANIFEST}: {name} is {manifest[name]!r}, this program '
          f'reads {value!r}; {KIND.remedy}')
  if manifest['gallery'] != rows_key:
    raise BadNeighbourhoods(
        f'{folder} was built for gallery {manifest["gallery"]}, this is '
        f'gallery {rows_key}: build the neighbour lists again')
  num_rows, num_listed = manifest['num_rows'], manifest['num_listed']
  shapes = {'rows': (num_listed,), 'dist_km': (num_listed,),
            'starts': (num_rows,), 'counts': (num_rows,),
            'density': (num_rows, len(density.RADII_KM), len(types.SOURCES))}
  files = sealed.Files(folder, manifest['files'], KIND)
  files.check_sizes({
      _FILES[name]: np.dtype(_DTYPES[name]).itemsize * math.prod(shape)
      for name, shape in shapes.items()})
  if read_all:
    files.verify()
  arrays = {name: files.array(_FILES[name], _DTYPES[name], shape)
            for name, shape in shapes.items()}
  counted = arrays.pop('density')
  return Neighbourhoods(neighbour_lists.NeighbourLists(**arrays), counted)


def load_or_build(gallery: galleries.Gallery) -> Neighbourhoods:
  """The gallery's own, or, where it has none, new ones for this process."""
  if folder_of(gallery).exists():
    return load(folder_of(gallery), gallery.rows_key())
  return build(gallery.latlng_deg, gallery.source)


def is_sound(gallery: galleries.Gallery) -> bool:
  """Whether there are any; refuses damaged or foreign ones."""
  if not folder_of(gallery).exists():
    return False
  load(folder_of(gallery), gallery.rows_key(), read_all=True)
  return True


def build_beside(path: str | pathlib.Path) -> None:
  """Builds and keeps those of a gallery that has none."""
  with layout.writing(pathlib.Path(path)):
    gallery = galleries.open_gallery(path)
    if not folder_of(gallery).exists():
      folder_of(gallery).parent.mkdir(exist_ok=True)
      save(build(gallery.latlng_deg, gallery.source), folder_of(gallery),
           gallery.rows_key())


def folder_of(gallery: galleries.Gallery) -> pathlib.Path:
  """Where they lie, or would."""
  return layout.derived(gallery.path, 'support', gallery.rows_key())
