"""Shortlists of the held-out rows of a fold, made once and kept.

  held-out rows ─▶ three searches among the rows trained on ─▶ union
                ─▶ part_00000/{rows,ranks,similarities,counts}.npy, …
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import pathlib
from typing import Any

from experiments import embedder_parts
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.disk import parts
from pinpoint_jax.evals import geolocation
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.gallery import density
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.search import exact, exact_scores, masks
from pinpoint_jax.search.vectors import Vectors

# Up to so many places all are candidates; beyond, so many of each channel.
_ALL, _SOME = 768, 128
# Queries of a part on disk.
_PART = 4096
# A feature of zeros has no direction: its cosines are 0.
_EPS = 1e-8


@dataclasses.dataclass(frozen=True)
class Found:
  """Candidates of some queries.

  Attributes:
    shortlist: who they are, and their similarities.
    counts: rows within 1 and 25 km of each, by source, [b, k, 2, 2].
    latlng_deg: their places, [b, k, 2].
    dist_km: from the truth, inf in padded slots, [b, k].
  """

  shortlist: types.Shortlist
  counts: Int[np.ndarray, 'b k 2 2']
  latlng_deg: Float[np.ndarray, 'b k 2']
  dist_km: Float[np.ndarray, 'b k']


@dataclasses.dataclass(frozen=True)
class Lists:
  """The held-out rows of one fold and source, and their candidates on disk.

  Attributes:
    photos: the queries.
    table: columns of their shortlists.
    gallery_deg: places of the rows trained on, [g, 2].
    temperature: of the embedder: z_image · z_location times this are log-odds.
    channels: those that the gallery has.
  """

  photos: types.Photos
  table: parts.Table
  gallery_deg: Float[np.ndarray, 'g 2']
  temperature: float
  channels: Sequence[str]

  def __len__(self) -> int:
    return len(self.photos)

  def take(self, at: Int[np.ndarray, 'n']) -> Found:
    """Some of the queries."""
    columns = self.table.take(at)
    rows = columns['rows'].astype(np.int64)
    places = self.gallery_deg[np.maximum(rows, 0)]
    km = distance.haversine_km(places, self.photos.latlng_deg[at][:, None])
    return Found(
        types.Shortlist(rows, columns['ranks'].astype(np.int32),
                        columns['similarities']),
        columns['counts'], places, np.where(rows >= 0, km, np.inf))


class Fold:
  """The rows of one fold: held out, and those that may answer them."""

  def __init__(self, split: embedder_parts.Split):
    self.split = split
    self.photos = rows_lib.concatenate(
        [part.photos for part in split.train.values()])
    # Raw features of two backbones do not compare.
    self.channels = types.CHANNELS if _same_backbone(split) else (
        'image', 'location')

  def lists(self, folder: pathlib.Path,
            trained: embedder_files.Trained) -> dict[str, Lists]:
    """Of every source, from disk as far as they are there."""
    maker = _Maker(self, trained)
    about = {'embedder': trained.fingerprint, 'all': _ALL, 'some': _SOME,
             'gallery': self.photos.fingerprint(), 'channels': self.channels}
    return {source: self._lists(folder / source, about, source, maker)
            for source in self.split.held_out}

  def _lists(self, path: pathlib.Path, about: Mapping[str, Any], source: str,
             maker: '_Maker') -> Lists:
    photos = self.split.held_out[source].photos
    folder = parts.Folder(
        path, {**about, 'queries': photos.fingerprint()})
    starts = range(0, len(photos), _PART)
    for i, start in enumerate(starts):
      if not folder.has(i):
        folder.write(i, maker.columns(
            source, np.arange(start, min(start + _PART, len(photos)))))
    return Lists(photos, folder.open(len(starts)), self.photos.latlng_deg,
                 maker.temperature(source), self.channels)


class _Maker:
  """Searches the rows trained on, embedded once, when first needed."""

  def __init__(self, fold: Fold, trained: embedder_files.Trained):
    self._fold, self._params = fold, trained.params
    self._encoder = encoding.Encoder(trained.model)

  def temperature(self, source: str) -> float:
    """z_image · z_location times this are log-odds."""
    return float(np.exp(self._params[f'log_temperature_{source}']))

  def columns(self, source: str,
              at: Int[np.ndarray, 'n']) -> dict[str, np.ndarray]:
    """What is stored of some held-out rows."""
    rows, gallery = self._fold.split.held_out[source], self._fold.photos
    photos, asked = rows.photos.take(at), self._encode(rows, at)
    excluded = geolocation.same_origin(photos, gallery)
    size = len(gallery) if len(gallery) <= _ALL else _SOME
    lists = {name: exact.search(asked.of(name), self._vectors[name], size,
                                excluded) for name in self._fold.channels}
    # Refuses, by its name, a query that has no candidate at all.
    geolocation.answers(photos, gallery, lists['image'].rows[:, 0])
    slots = min(len(gallery), size * len(lists))
    found = shortlist.build(lists, asked, self._scores, self._fold.channels)
    rows, ranks, sims = (getattr(found, name)[:, :slots] for name in (
        'rows', 'ranks', 'similarities'))
    return {'rows': rows.astype(np.int32), 'ranks': ranks.astype(np.int16),
            'similarities': sims,
            'counts': density.visible_counts(rows, *self._around, masks.Mask(
                excluded, np.zeros(0, np.int64)))}

  def _encode(self, rows: rows_lib.StoreRows,
              at: Int[np.ndarray, 'n']) -> shortlist.Queries:
    features = np.asarray(rows.read(at), np.float32)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return shortlist.Queries(
        self._encoder.images(self._params, rows.photos.source, features),
        features / np.maximum(lengths, _EPS) if 'raw' in self._fold.channels
        else None)

  def _scores(self, channel: str, vectors: Float[np.ndarray, 'b d'],
              query: Int[np.ndarray, 'm'],
              row: Int[np.ndarray, 'm']) -> Float[np.ndarray, 'm']:
    return exact_scores.scores(
        vectors, Vectors(self._vectors[channel]), query, row)

  @functools.cached_property
  def _vectors(self) -> dict[str, np.ndarray]:
    encoded = [self._encode(part, np.arange(len(part)))
               for part in self._fold.split.train.values()]
    xyz = coords.to_xyz(self._fold.photos.latlng_deg).astype(np.float32)
    found = {name: np.concatenate([part.of(name) for part in encoded])
             for name in self._fold.channels if name != 'location'}
    return found | {'location': self._encoder.locations(self._params, xyz)}

  @functools.cached_property
  def _around(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How crowded each row's place is, where it is, and of which source."""
    places = self._fold.photos.latlng_deg
    source = np.concatenate([
        np.full(len(part), types.SOURCES.index(name), np.uint8)
        for name, part in self._fold.split.train.items()])
    return density.count(places, source), coords.to_xyz(places), source


def _same_backbone(split: embedder_parts.Split) -> bool:
  return len({tuple(part.stores[0].manifest[name]
                    for name in types.BACKBONE_KEYS)
              for part in split.train.values()}) == 1


def several(lists: Sequence[Lists], most: int) -> Found:
  """Queries of several folds, evenly spread, at most about so many."""
  total = sum(len(one) for one in lists)
  found = []
  for one in lists:
    share = max(1, most * len(one) // total)
    found.append(one.take(blocks.evenly_spread(len(one), share)))
  width = max(one.dist_km.shape[1] for one in found)
  def joined(name: str, fill: float | int, of: Any = lambda x: x) -> np.ndarray:
    columns = [getattr(of(one), name) for one in found]
    return np.concatenate([np.pad(
        x, [(0, 0), (0, width - x.shape[1])] + [(0, 0)] * (x.ndim - 2),
        constant_values=fill) for x in columns])
  listed = [joined(name, fill, lambda one: one.shortlist) for name, fill in
            (('rows', -1), ('ranks', -1), ('similarities', -np.inf))]
  return Found(types.Shortlist(*listed), joined('counts', 0),
               joined('latlng_deg', 0.), joined('dist_km', np.inf))
