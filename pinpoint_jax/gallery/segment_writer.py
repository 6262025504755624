"""Writes one segment of a gallery; it appears when it is whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.features import store
from pinpoint_jax.gallery import columns, layout
from pinpoint_jax.gallery.gallery import Gallery
from pinpoint_jax.gallery.table import Table, place_columns
from pinpoint_jax.geo import coords
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.search import vectors
import xxhash

BLOCK_ROWS = 8192
_EPS = 1e-8

# Rows of a block, by the name of the file they go to.
Block = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Encoded:
  """Blocks of the rows of feature stores, encoded as they are asked for.

  Attributes:
    trained: the embedder.
    encoder: its compiled towers.
    stores: laid end to end.
    rows: which of their rows, in the gallery's order, [n].
    table: those rows, in the gallery's order.
    raw: how raw features are kept.
  """

  trained: embedder_files.Trained
  encoder: encoding.Encoder
  stores: Sequence[store.FeatureStore]
  rows: Int[np.ndarray, 'n']
  table: Table
  raw: str

  def __iter__(self) -> Iterator[Block]:
    for start in range(0, len(self.rows), BLOCK_ROWS):
      yield self._block(slice(start, start + BLOCK_ROWS))

  def _block(self, part: slice) -> Block:
    source, ids = self.table.source[part], self.table.ids[part]
    z_image = np.zeros((len(ids), self.trained.model.dim), np.float32)
    found = {}
    for i in np.unique(source):
      at = np.flatnonzero(source == i)
      features = gather([s.features for s in self.stores],
                        self.rows[part][at]).astype(np.float32)
      z_image[at] = self.encoder.images(
          self.trained.params, types.SOURCES[i], features)
      if self.raw != 'off':
        _fill(found, at, len(ids), raw_block(features, self.raw, ids[at]))
    xyz = coords.to_xyz(self.table.latlng_deg[part].astype(np.float64))
    z_location = self.encoder.locations(self.trained.params, xyz)
    return found | {
        layout.Z_IMAGE: _half(z_image, 'image embedding', ids),
        layout.Z_LOCATION: _half(z_location, 'location embedding', ids)}


@dataclasses.dataclass(frozen=True)
class Copied:
  """Blocks of some rows of a gallery, as they lie there."""

  gallery: Gallery
  rows: Int[np.ndarray, 'n']

  def __iter__(self) -> Iterator[Block]:
    for start in range(0, len(self.rows), BLOCK_ROWS):
      rows = self.rows[start:start + BLOCK_ROWS]
      yield {name: gather([s.files[name] for s in self.gallery.segments], rows)
             for name in vector_files(self.gallery.manifest['raw'])}


def gather(arrays: Sequence[np.ndarray],
           rows: Int[np.ndarray, 'n']) -> np.ndarray:
  """Rows of arrays laid end to end [n, ...], read in the order of the disk."""
  starts = np.cumsum([0, *map(len, arrays)])
  which = np.searchsorted(starts, rows, 'right') - 1
  like = arrays[which[0]]
  found = np.empty((len(rows), *like.shape[1:]), like.dtype)
  for i in np.unique(which):
    at = np.flatnonzero(which == i)
    at = at[np.argsort(rows[at])]
    found[at] = arrays[i][rows[at] - starts[i]]
  return found


def vector_files(raw: str) -> list[str]:
  """The files that blocks fill, by how raw features are kept."""
  return [layout.Z_IMAGE, layout.Z_LOCATION,
          *([layout.RAW_FILES[raw]] if raw != 'off' else []),
          *([layout.RAW_SCALE] if raw == 'int8' else [])]


def raw_block(features: Float[np.ndarray, 'n r'], raw: str,
              ids: types.Strings) -> Block:
  """Features at length one, as the gallery keeps them."""
  features = features.astype(np.float32)
  length = np.linalg.norm(features, axis=1, keepdims=True)
  bad = np.flatnonzero(~((length[:, 0] > _EPS) & np.isfinite(length[:, 0])))
  if len(bad):
    raise layout.BadGallery(
        f'the feature of {str(ids[bad[0]])!r} has length {length[bad[0], 0]}, '
        f'and {len(bad) - 1} more of these {len(ids):,} rows are like it: they '
        f'cannot be compared; extract them again, or build with raw=off')
  unit = features / np.maximum(length, _EPS)
  if raw == 'float16':
    return {layout.RAW_FILES[raw]: unit.astype('<f2')}
  found = vectors.quantise(unit)
  return {layout.RAW_FILES[raw]: found.stored,
          layout.RAW_SCALE: found.scale.astype('<f4')}


def _fill(block: Block, at: Int[np.ndarray, 'm'], num_rows: int,
          part: Block) -> None:
  for name, values in part.items():
    whole = block.setdefault(
        name, np.zeros((num_rows, *values.shape[1:]), values.dtype))
    whole[at] = values


def _half(values: Float[np.ndarray, 'n d'], what: str,
          ids: types.Strings) -> Float[np.ndarray, 'n d']:
  with np.errstate(over='ignore'):
    half = values.astype('<f2')
  bad = np.flatnonzero(~np.isfinite(half).all(axis=1))
  if len(bad):
    raise layout.BadGallery(
        f'the {what} of {str(ids[bad[0]])!r} holds NaN or infinity, and '
        f'{len(bad) - 1} more of these {len(ids):,} rows: look at its features '
        f'and at the model')
  return half


class _File:
  """A file that is summed while it is written."""

  def __init__(self, path: pathlib.Path):
    self._path, self._digest = path, xxhash.xxh3_128()
    self._stream, self._bytes = path.open('wb'), 0

  def write(self, data: bytes) -> None:
    """Appends."""
    self._stream.write(data)
    self._digest.update(data)
    self._bytes += len(data)

  def close(self) -> dict[str, Any]:
    """Puts it on disk; what the manifest says of it."""
    self._stream.flush()
    os.fsync(self._stream.fileno())
    self._stream.close()
    return {'bytes': self._bytes, 'xxh3_128': self._digest.hexdigest()}

  def abandon(self) -> None:
    """Closes it as it is."""
    self._stream.close()


def write(path: pathlib.Path, about: Mapping[str, Any], table: Table,
          blocks: Iterable[Block],
          tell: Callable[[int], None]) -> dict[str, Any]:
  """Writes the rows of `table` as a segment of the gallery at `path`.

  `about` is the gallery's manifest; `tell` hears how many more rows are
  written. Returns what the manifest says of the segment.
  """
  folder = path / layout.SEGMENTS
  folder.mkdir(parents=True, exist_ok=True)
  with disk.refusing_full_disk(folder, _needed(about, len(table))):
    partial = disk.fresh_folder(folder / 'new')
    try:
      # First what takes long: its rate is what tells the time left.
      found = _vectors(partial, blocks, about['raw'], tell) | _columns(
          partial, table)
      segment = {'rows': len(table), 'sources': _sources(table),
                 'files': {name: found[name] for name in sorted(found)}}
      name = _name(segment)
      disk.sync_folder(partial)
      _put(partial, folder / name, segment['files'])
    finally:
      shutil.rmtree(partial, ignore_errors=True)
  return {'name': name, **segment}


def _put(partial: pathlib.Path, path: pathlib.Path,
         expected: Mapping[str, Any]) -> None:
  if path.exists():
    if all((path / name).is_file()
           and disk.checksum(path / name) == facts['xxh3_128']
           for name, facts in expected.items()):
      return
    path.rename(disk.fresh_folder(path.with_name('damaged')))
  partial.rename(path)
  disk.sync_folder(path.parent)


def _needed(about: Mapping[str, Any], rows: int) -> int:
  return sum(np.dtype(dtype).itemsize * int(np.prod(shape))
             for dtype, shape in layout.arrays(about, rows).values())


def _vectors(folder: pathlib.Path, blocks: Iterable[Block],
             raw: str, tell: Callable[[int], None]) -> dict[str, Any]:
  with contextlib.ExitStack() as stack:
    opened = {}
    for name in vector_files(raw):
      opened[name] = _File(folder / name)
      stack.callback(opened[name].abandon)
    for block in blocks:
      for name, file in opened.items():
        file.write(np.ascontiguousarray(block[name]).tobytes())
      tell(len(block[layout.Z_IMAGE]))
    return {name: file.close() for name, file in opened.items()}


def _columns(folder: pathlib.Path, table: Table) -> dict[str, Any]:
  text, offsets = columns.to_lines(table.ids)
  found = {layout.IDS: text, layout.ID_OFFSETS: offsets.tobytes(),
           layout.PLACES: table.latlng_deg.astype('<f4').tobytes(),
           layout.SOURCE: table.source.astype('u1').tobytes()}
  coded = {'author': table.author, 'sequence': table.sequence}
  for name, column in (coded | place_columns(table.latlng_deg)).items():
    found[layout.codes_file(name)] = column.codes.astype('<i4').tobytes()
    found[layout.names_file(name)] = columns.to_lines(column.names)[0]
  return {name: _whole(folder / name, data) for name, data in found.items()}


def _whole(path: pathlib.Path, data: bytes) -> dict[str, Any]:
  file = _File(path)
  try:
    file.write(data)
    return file.close()
  finally:
    file.abandon()


def _sources(table: Table) -> dict[str, int]:
  return {name: int((table.source == i).sum())
          for i, name in enumerate(types.SOURCES)}


def _name(segment: Mapping[str, Any]) -> str:
  sums = [f'{name} {facts["xxh3_128"]}'
          for name, facts in segment['files'].items()]
  return hashlib.sha256('\n'.join(sums).encode()).hexdigest()[:16]
