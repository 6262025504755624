"""Shortlists of the held-out rows of a fold, written once and kept.

  held-out rows ─▶ a search of each channel among the rows trained on ─▶ union
                ─▶ part_00000/{rows,ranks,similarities,counts}.npy, …

No row is masked: the folds keep every author and sequence on one side.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import functools
import pathlib
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.disk import parts
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.gallery import density
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.search import exact, exact_scores
from pinpoint_jax.search.vectors import Vectors

# Up to so many places all are candidates; beyond, so many of each channel.
_ALL, _SOME = 768, 128
# Queries of a part on disk.
_PART = 4096
# A feature of zeros has no direction: its cosines are 0.
_EPS = 1e-8


@dataclasses.dataclass(frozen=True)
class Proposals:
  """Candidates of some queries.

  Attributes:
    shortlist: the candidates and their similarities.
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
    channels: ways in which the gallery was searched.
    size: candidates of each channel.
  """

  photos: types.Photos
  table: parts.Table
  gallery_deg: Float[np.ndarray, 'g 2']
  temperature: float
  channels: Sequence[str]
  size: int

  def __len__(self) -> int:
    return len(self.photos)

  def batches(self, size: int) -> Iterator[Proposals]:
    """Candidates of all queries, so many at a time."""
    for part in blocks.slices(len(self), size):
      yield self.take(np.arange(part.start, part.stop))

  def take(self, at: Int[np.ndarray, 'n']) -> Proposals:
    """Candidates of some of the queries."""
    columns = self.table.take(at)
    rows = columns['rows'].astype(np.int64)
    places = self.gallery_deg[np.maximum(rows, 0)]
    km = distance.haversine_km(places, self.photos.latlng_deg[at][:, None])
    return Proposals(
        types.Shortlist(rows, columns['ranks'].astype(np.int32),
                        columns['similarities']),
        columns['counts'], places, np.where(rows >= 0, km, np.inf))


def make(fold: fold_lib.Fold, trained: embedder_files.Trained,
         channels: Sequence[str], folder: pathlib.Path) -> dict[str, Lists]:
  """Lists of every source; those in `folder` already are kept."""
  searches = _Searches(fold, trained, channels)
  about = {'embedder': trained.fingerprint, 'all': _ALL, 'some': _SOME,
           'gallery': fold.gallery.fingerprint(), 'channels': channels}
  lists = {}
  for source, rows in fold.held_out.items():
    table = _kept(folder / source, about, rows.photos,
                  functools.partial(searches.columns, rows))
    lists[source] = Lists(
        rows.photos, table, fold.gallery.latlng_deg,
        float(np.exp(trained.params[f'log_temperature_{source}'])), channels,
        searches.size)
  return lists


def _kept(path: pathlib.Path, about: Mapping[str, Any], photos: types.Photos,
          columns_fn: Callable[[np.ndarray], dict[str, np.ndarray]],
          ) -> parts.Table:
  folder = parts.Folder(path, {**about, 'queries': photos.fingerprint()})
  numbers = np.split(np.arange(len(photos)), range(_PART, len(photos), _PART))
  for i, rows in enumerate(numbers):
    if not folder.has(i):
      folder.write(i, columns_fn(rows))
  return folder.open(len(numbers))


def list_size(num_rows: int) -> int:
  """Candidates of each channel where so many rows are searched."""
  return num_rows if num_rows <= _ALL else _SOME


class _Searches:
  """Searches the rows trained on, which are embedded when first needed."""

  def __init__(self, fold: fold_lib.Fold, trained: embedder_files.Trained,
               channels: Sequence[str]):
    self._fold, self._params = fold, encoding.place(trained.params)
    self._channels = tuple(channels)
    self._encoder = encoding.Encoder(trained.model)
    self.size = list_size(len(fold.gallery))

  def columns(self, held_out: rows_lib.StoreRows,
              at: Int[np.ndarray, 'n']) -> dict[str, np.ndarray]:
    """What is stored about some held-out rows."""
    queries = self._encode(held_out, at)
    lists = {name: exact.search(queries.of(name), self._vectors[name],
                                self.size) for name in self._channels}
    slots = min(len(self._fold.gallery), self.size * len(lists))
    union = shortlist.build(lists, queries, self._scores, self._channels)
    rows, ranks, sims = (getattr(union, name)[:, :slots] for name in (
        'rows', 'ranks', 'similarities'))
    counts = np.where((rows >= 0)[..., None, None],
                      self._counts[np.maximum(rows, 0)], 0)
    return {'rows': rows.astype(np.int32), 'ranks': ranks.astype(np.int16),
            'similarities': sims, 'counts': counts.astype(np.int32)}

  def _encode(self, rows: rows_lib.StoreRows,
              at: Int[np.ndarray, 'n']) -> shortlist.Queries:
    features = np.asarray(rows.read(at.tolist()), np.float32)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return shortlist.Queries(
        self._encoder.images(self._params, rows.photos.source, features),
        features / np.maximum(lengths, _EPS) if 'raw' in self._channels
        else None)

  def _scores(self, channel: str, vectors: Float[np.ndarray, 'b d'],
              query: Int[np.ndarray, 'm'],
              row: Int[np.ndarray, 'm']) -> Float[np.ndarray, 'm']:
    return exact_scores.scores(
        vectors, Vectors(self._vectors[channel]), query, row)

  @functools.cached_property
  def _vectors(self) -> dict[str, np.ndarray]:
    xyz = coords.to_xyz(self._fold.gallery.latlng_deg).astype(np.float32)
    vectors = {'location': self._encoder.locations(self._params, xyz)}
    by_image = [name for name in self._channels if name != 'location']
    if by_image:
      encoded = [self._encode(part, np.arange(len(part)))
                 for part in self._fold.train.values()]
      vectors |= {name: np.concatenate([part.of(name) for part in encoded])
                  for name in by_image}
    return vectors

  @functools.cached_property
  def _counts(self) -> Int[np.ndarray, 'g 2 2']:
    """How many rows are near each row, by distance and source."""
    source = np.concatenate([
        np.full(len(part), types.SOURCES.index(name), np.uint8)
        for name, part in self._fold.train.items()])
    return density.count(self._fold.gallery.latlng_deg, source)


def several(lists: Sequence[Lists], most: int) -> Proposals:
  """Queries of several folds, evenly spread, at most about so many."""
  total = sum(map(len, lists))
  chosen = []
  for fold in lists:
    share = max(1, most * len(fold) // total)
    chosen.append(fold.take(blocks.evenly_spread(len(fold), share)))
  width = max(part.dist_km.shape[1] for part in chosen)
  def joined(columns: Sequence[np.ndarray], fill: float | int) -> np.ndarray:
    return np.concatenate([np.pad(
        x, [(0, 0), (0, width - x.shape[1])] + [(0, 0)] * (x.ndim - 2),
        constant_values=fill) for x in columns])
  listed = [joined([getattr(part.shortlist, name) for part in chosen], fill)
            for name, fill in (('rows', -1), ('ranks', -1),
                               ('similarities', -np.inf))]
  return Proposals(types.Shortlist(*listed),
                   joined([part.counts for part in chosen], 0),
                   joined([part.latlng_deg for part in chosen], 0.),
                   joined([part.dist_km for part in chosen], np.inf))
