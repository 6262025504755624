"""Writes one segment of a gallery; it appears when it is whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import hashlib
import pathlib
from typing import Any

import jax
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, float16, types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import sealed
from pinpoint_jax.features import store
from pinpoint_jax.gallery import columns, layout
from pinpoint_jax.gallery.gallery import Gallery
from pinpoint_jax.gallery.table import Table, count_sources, place_columns
from pinpoint_jax.geo import coords
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.parallel import processes
from pinpoint_jax.search import vectors

BLOCK_ROWS = 8192
_EPS = 1e-8

# Rows of a block, by the name of the file they go to.
Block = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Encoded:
  """Blocks of the rows of feature stores, encoded one after the other.

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
    """Processes that iterate together embed a block each, round by round."""
    params = encoding.place(self.trained.params)
    num_rows = BLOCK_ROWS * jax.process_count()
    for turn in blocks.slices(len(self.rows), num_rows):
      z = processes.in_parts(
          lambda part, start=turn.start: self._embedded(
              params, slice(start + part.start, start + part.stop)),
          turn.stop - turn.start)
      if jax.process_index():
        continue  # Process 0 alone writes.
      for part in blocks.slices(len(z), BLOCK_ROWS):
        yield {layout.Z_IMAGE: z[part, 0], layout.Z_LOCATION: z[part, 1],
               **self._raw(slice(turn.start + part.start,
                                 turn.start + part.stop))}

  def _embedded(self, params: Any, part: slice) -> Float[np.ndarray, 'n 2 d']:
    """Image and place embeddings of some rows, as the gallery keeps them."""
    ids = self.table.ids[part]
    z_image = np.zeros((len(ids), self.trained.model.dim), np.float32)
    for source, at, features in self._features(part):
      z_image[at] = self.encoder.images(params, source, features)
    xyz = coords.to_xyz(self.table.latlng_deg[part].astype(np.float64))
    z_location = self.encoder.locations(params, xyz)
    return np.stack([_half(z_image, 'image embedding', ids),
                     _half(z_location, 'location embedding', ids)], axis=1)

  def _raw(self, part: slice) -> Block:
    block, ids = {}, self.table.ids[part]
    if self.raw != 'off':
      for _, at, features in self._features(part):
        _fill(block, at, len(ids), raw_block(features, self.raw, ids[at]))
    return block

  def _features(self, part: slice) -> Iterator[
      tuple[str, Int[np.ndarray, 'm'], Float[np.ndarray, 'm r']]]:
    """Each source's features of some rows, and which of the rows they are."""
    source = self.table.source[part]
    for i in np.unique(source):
      at = np.flatnonzero(source == i)
      yield types.SOURCES[i], at, float16.widened(gather(
          [s.features for s in self.stores], self.rows[part][at]))


@dataclasses.dataclass(frozen=True)
class Copied:
  """Blocks of some rows of a gallery, as they lie there."""

  gallery: Gallery
  rows: Int[np.ndarray, 'n']

  def __iter__(self) -> Iterator[Block]:
    for part in blocks.slices(len(self.rows), BLOCK_ROWS):
      yield {name: gather([s.files[name] for s in self.gallery.segments],
                          self.rows[part])
             for name in vector_files(self.gallery.manifest['raw'])}


def gather(arrays: Sequence[np.ndarray],
           rows: Int[np.ndarray, 'n']) -> np.ndarray:
  """Rows of arrays laid end to end [n, ...], read in the order of the disk."""
  parts = list(blocks.by_part(np.cumsum([len(x) for x in arrays]), rows))
  like = arrays[parts[0][0]]
  gathered = np.empty((len(rows), *like.shape[1:]), like.dtype)
  for i, at, inside in parts:
    order = np.argsort(inside)
    gathered[at[order]] = arrays[i][inside[order]]
  return gathered


def vector_files(raw: str) -> list[str]:
  """The files that blocks fill, by how raw features are kept."""
  return [layout.Z_IMAGE, layout.Z_LOCATION,
          *([layout.RAW_FILES[raw]] if raw != 'off' else []),
          *([layout.RAW_SCALE] if raw == 'int8' else [])]


def raw_block(features: Float[np.ndarray, 'n r'], raw: str,
              ids: types.Strings) -> Block:
  """Features at length one, as the gallery keeps them."""
  features = float16.widened(features)
  length = np.linalg.norm(features, axis=1, keepdims=True)
  bad = np.flatnonzero(~((length[:, 0] > _EPS) & np.isfinite(length[:, 0])))
  if len(bad):
    raise layout.BadGallery(
        f'the feature of {str(ids[bad[0]])!r} has length {length[bad[0], 0]}, '
        f'and {len(bad) - 1} more of these {len(ids):,} rows have such a '
        f'length: they cannot be compared; extract them again, or build with '
        f'raw=off')
  unit = features / np.maximum(length, _EPS)
  if raw == 'float16':
    return {layout.RAW_FILES[raw]: unit.astype('<f2')}
  quantised = vectors.quantise(unit)
  return {layout.RAW_FILES[raw]: quantised.stored,
          layout.RAW_SCALE: quantised.scale.astype('<f4')}


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


def write(path: pathlib.Path, manifest: Mapping[str, Any], table: Table,
          blocks: Iterable[Block],
          report_fn: Callable[[int], None]) -> dict[str, Any]:
  """Writes the rows of `table` as a segment of the gallery at `path`.

  `manifest` is the gallery's; `report_fn` gets how many more rows are written.
  Returns what the manifest says of the segment.
  """
  folder = path / layout.SEGMENTS
  needed = sum(layout.num_bytes(manifest, len(table)).values())
  with sealed.writing(folder / 'new', needed) as draft:
    # First what takes long: its rate is what predicts the time left.
    _write_vectors(draft, blocks, manifest['raw'], report_fn)
    for name, data in _columns(table).items():
      draft.write(name, data)
    sums = draft.finish()
    name = _name(sums)
    _put(draft.path, folder / name, sums)
  return {'name': name, 'rows': len(table),
          'sources': count_sources(table.source), 'files': sums}


def _put(partial: pathlib.Path, path: pathlib.Path,
         sums: sealed.FileSums) -> None:
  if path.exists():
    if not sealed.Files(path, sums, layout.KIND).damage():
      return
    path.rename(disk.fresh_folder(path.with_name('damaged')))
  partial.rename(path)
  disk.sync_folder(path.parent)


def _write_vectors(draft: sealed.Draft, blocks: Iterable[Block], raw: str,
                   report_fn: Callable[[int], None]) -> None:
  with contextlib.ExitStack() as stack:
    opened = {name: stack.enter_context(draft.open(name))
              for name in vector_files(raw)}
    for block in blocks:
      for name, file in opened.items():
        file.write(np.ascontiguousarray(block[name]).tobytes())
      report_fn(len(block[layout.Z_IMAGE]))


def _columns(table: Table) -> dict[str, bytes]:
  text, offsets = columns.to_lines(table.ids)
  data = {layout.IDS: text, layout.ID_OFFSETS: offsets.tobytes(),
          layout.PLACES: table.latlng_deg.astype('<f4').tobytes(),
          layout.SOURCE: table.source.astype('u1').tobytes()}
  coded = {'author': table.author, 'sequence': table.sequence}
  if len(table.licence.names):
    coded[layout.LICENCE] = table.licence
  for name, column in (coded | place_columns(table.latlng_deg)).items():
    data[layout.codes_file(name)] = column.codes.astype('<i4').tobytes()
    data[layout.names_file(name)] = columns.to_lines(column.names)[0]
  return data


def _name(sums: sealed.FileSums) -> str:
  lines = [f'{name} {sums[name]["xxh3_128"]}' for name in sums]
  return hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:16]
