"""Vectors on their way into a gallery, block by block."""

from collections.abc import Iterator, Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store
from pinpoint_jax.geo import coords
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.retrieval import gallery_files as files
from pinpoint_jax.retrieval import vectors
from pinpoint_jax.retrieval.gallery import Gallery
from pinpoint_jax.retrieval.gallery_table import Table

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
        files.Z_IMAGE: _half(z_image, 'image embedding', ids),
        files.Z_LOCATION: _half(z_location, 'location embedding', ids)}


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
  return [files.Z_IMAGE, files.Z_LOCATION,
          *([files.RAW_FILES[raw]] if raw != 'off' else []),
          *([files.RAW_SCALE] if raw == 'int8' else [])]


def raw_block(features: Float[np.ndarray, 'n r'], raw: str,
              ids: types.Strings) -> Block:
  """Features at length one, as the gallery keeps them."""
  features = features.astype(np.float32)
  length = np.linalg.norm(features, axis=1, keepdims=True)
  bad = np.flatnonzero(~((length[:, 0] > _EPS) & np.isfinite(length[:, 0])))
  if len(bad):
    raise files.BadGallery(
        f'the feature of {str(ids[bad[0]])!r} has length {length[bad[0], 0]}, '
        f'and {len(bad) - 1} more of these {len(ids):,} rows are like it: they '
        f'cannot be compared; extract them again, or build with raw=off')
  unit = features / np.maximum(length, _EPS)
  if raw == 'float16':
    return {files.RAW_FILES[raw]: unit.astype('<f2')}
  found = vectors.quantise(unit)
  return {files.RAW_FILES[raw]: found.stored,
          files.RAW_SCALE: found.scale.astype('<f4')}


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
    raise files.BadGallery(
        f'the {what} of {str(ids[bad[0]])!r} holds NaN or infinity, and '
        f'{len(bad) - 1} more of these {len(ids):,} rows: look at its features '
        f'and at the model')
  return half
