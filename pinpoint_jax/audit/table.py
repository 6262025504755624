"""Rows that are audited: a gallery, or the feature stores of a training set."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import pathlib
from typing import Any

from jaxtyping import Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import columns
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.search import exact_scores, row_sets
from pinpoint_jax.search import vectors as vectors_lib

_BLOCK = 16384


@dataclasses.dataclass(frozen=True)
class Table:
  """Rows with what they may share with a query.

  Attributes:
    ids: of each row.
    latlng_deg: where each is.
    source: place of each row's source in types.SOURCES.
    authors: who took each.
    sequences: the drive of each.
    removed: rows that are deleted, ascending: they count as absent.
    raw: features of unit length, one part after the other; empty without.
    made: what made the features of each source, by types.BACKBONE_KEYS.
    fingerprint: content hash of all of it.
  """

  ids: types.Strings
  latlng_deg: Float[np.ndarray, 'g 2']
  source: UInt8[np.ndarray, 'g']
  authors: columns.Coded
  sequences: columns.Coded
  removed: Int[np.ndarray, 'r']
  raw: tuple[vectors_lib.Vectors, ...]
  made: Mapping[str, Mapping[str, Any]]
  fingerprint: str

  def __len__(self) -> int:
    return len(self.ids)

  @property
  def num_live(self) -> int:
    """Rows that are not deleted."""
    return len(self) - len(self.removed)

  @functools.cached_property
  def _by_id(self) -> Int[np.ndarray, 'g']:
    return np.argsort(self.ids)

  def find(self, ids: types.Strings) -> Int[np.ndarray, 'b']:
    """Row of each id, -1 where there is none or it is deleted."""
    at = np.searchsorted(self.ids, ids, sorter=self._by_id)
    rows = self._by_id[at.clip(0, len(self) - 1)]
    absent = (self.ids[rows] != ids) | row_sets.is_among(rows, self.removed)
    return np.where(absent, -1, rows)

  def photos(self) -> types.Photos:
    """The rows as a table of photos, without authors."""
    unknown = np.full(len(self), '', np.str_)
    return types.Photos(self.ids, self.latlng_deg, unknown, unknown, 'mixed')


def of_gallery(gallery: galleries.Gallery) -> Table:
  """All rows of an open gallery, under its own numbers."""
  rows = np.arange(len(gallery))
  raw = gallery.channel('raw')
  return Table(
      gallery.ids(rows), gallery.latlng_deg, gallery.source, gallery.authors,
      gallery.sequences, gallery.removed,
      raw if all(part is not None for part in raw) else (),
      gallery.manifest['inputs'], gallery.fingerprint())


def of_stores(paths: Sequence[str | pathlib.Path]) -> Table:
  """All rows of feature stores, one store after the other."""
  opened = [stores.open_store(path) for path in paths]
  ids = np.concatenate([store.ids() for store in opened])
  stores.check_ids(ids, ', '.join(map(str, paths)))
  made: dict[str, dict[str, Any]] = {}
  for store in opened:
    about = {name: store.manifest[name] for name in types.BACKBONE_KEYS}
    source = store.manifest['source']
    if made.setdefault(source, about) != about:
      raise ValueError(f'{store.path}: {source} features made otherwise than '
                       f'those of a store before it: audit them separately')
  return Table(
      ids, np.concatenate([store.places() for store in opened]).astype(
          np.float64),
      np.repeat(np.asarray([types.SOURCES.index(store.manifest['source'])
                            for store in opened], np.uint8),
                [len(store) for store in opened]),
      _joined(opened, stores.AUTHOR, stores.AUTHORS),
      _joined(opened, stores.SEQUENCE, stores.SEQUENCES),
      np.zeros(0, np.int64), tuple(unit_rows(store) for store in opened),
      made, ' '.join(store.fingerprint() for store in opened))


def unit_rows(store: stores.FeatureStore) -> vectors_lib.Vectors:
  """A store's features, which stay on disk, scaled to unit length."""
  scale = np.empty(len(store), np.float32)
  for part in blocks.slices(len(store), _BLOCK):
    rows = np.asarray(store.features[part], np.float32)
    norms = exact_scores.norms(rows)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if len(bad):
      raise ValueError(f'{store.path}: the feature of row '
                       f'{part.start + int(bad[0]):,} has no direction (zero, '
                       f'NaN or infinite): extract it again')
    scale[part] = 1 / norms
  return vectors_lib.Vectors(store.features, scale)


def _joined(opened: Sequence[stores.FeatureStore], codes: str,
            names: str) -> columns.Coded:
  """A text column of all stores."""
  coded = [store.coded(codes, names) for store in opened]
  return columns.join([columns.Coded(column, np.asarray(known, np.str_))
                       for column, known in coded])
