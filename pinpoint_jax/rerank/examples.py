"""What a reranker learns from: queries of known place and their candidates.

  query ─▶ without itself, its author, its sequence, rows within a random
           radius ─▶ shortlist ─▶ + random rows from beyond it ─▶ Context

A gallery row that searches its own gallery must not find itself: what learns
from such lists learns that the best candidate is always right.
"""

from collections.abc import Mapping, Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import filters
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.geo import distance, neighbors
from pinpoint_jax.rerank import inputs, support
from pinpoint_jax.search import masks, row_sets

# Queries made together: a part of what is stored.
PART = 512
# Random rows drawn for each that is kept: some are hidden or listed already.
_DRAWN = 4


@dataclasses.dataclass(frozen=True)
class Settings:
  """Which candidates a training query gets; every field is a config field.

  Attributes:
    sizes: of the shortlist, by channel.
    rounds: lists of each query, each with another radius and other negatives.
    radii_km: one of them is drawn for each query and round; rows that near
      are hidden, so that it learns what to do without them.
    deep_negatives: random gallery rows from beyond the shortlist.
    leave_one_out: False lets a query find itself; only to show the harm.
    seed: of radii and negatives.
  """

  sizes: Mapping[str, int]
  rounds: int = 4
  radii_km: Sequence[float | int] = (0., .1, 1.)
  deep_negatives: int = 4
  leave_one_out: bool = True
  seed: int = 0

  def __post_init__(self):
    if self.rounds < 1 or self.deep_negatives < 0 or not self.radii_km:
      raise ValueError(f'rounds={self.rounds}, deep_negatives='
                       f'{self.deep_negatives}, radii_km={self.radii_km}: at '
                       f'least 1, at least 0, and not empty')


@dataclasses.dataclass(frozen=True)
class LabeledQueries:
  """Photos of known place, and the vectors they search with."""

  photos: types.Photos
  vectors: shortlists.Queries

  def __len__(self) -> int:
    return len(self.photos)

  def take(self, rows: slice | Int[np.ndarray, 'n']) -> 'LabeledQueries':
    """Some of them."""
    at = np.arange(len(self))[rows]
    return LabeledQueries(self.photos.take(at), self.vectors.take(at))


class ExampleBuilder:
  """Makes examples from an open gallery."""

  def __init__(self, searcher: search.Searcher, reader: inputs.Reader,
               settings: Settings):
    self._searcher, self._reader, self._settings = searcher, reader, settings
    self._near = neighbors.SphereIndex(searcher.gallery.latlng_deg)

  def parts(self, asked: LabeledQueries) -> Sequence[tuple[int, slice]]:
    """Round and queries of each part, in the order of the rows."""
    return [(number, slice(start, min(start + PART, len(asked))))
            for number in range(self._settings.rounds)
            for start in range(0, len(asked), PART)]

  def context(self, asked: LabeledQueries, number: int, at: slice,
              with_support: bool) -> inputs.Context:
    """Candidates of some queries in that round, and what lies around them."""
    some, settings = asked.take(at), self._settings
    # Drawn for all queries: a part's do not depend on where it is cut.
    radii = np.random.default_rng([settings.seed, number]).choice(
        np.asarray(settings.radii_km, np.float64), len(asked))[at]
    mask = self._mask(some.photos, radii)
    found = self._searcher.shortlist(
        some.vectors, shortlists.Sizes(**settings.sizes), mask)
    rng = np.random.default_rng([settings.seed, number, at.start + 1])
    rows = _beyond(rng, settings.deep_negatives, found, mask,
                   len(self._searcher.gallery))
    found = _extended(found, rows, shortlists.similarities(
        some.vectors, rows, self._searcher.scores, self._searcher.channels))
    return self._reader.context(some.vectors, found, mask, with_support)

  def dist_km(self, asked: LabeledQueries, at: slice,
              rows: Int[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
    """How far each candidate is from the truth, inf in padded slots."""
    places = self._searcher.gallery.latlng_deg[np.maximum(rows, 0)]
    truth = asked.photos.latlng_deg[at]
    km = distance.haversine_km(places, truth[:, None])
    return np.where(rows >= 0, km, np.inf).astype(np.float32)

  def _mask(self, photos: types.Photos,
            radii_km: Float[np.ndarray, 'b']) -> masks.Mask:
    gallery = self._searcher.gallery
    if not self._settings.leave_one_out:
      return filters.mask(gallery, photos, 'none', leave_one_out=False)
    mask = filters.mask(gallery, photos, 'author')
    near = row_sets.within_radius(self._near, photos.latlng_deg, radii_km)
    return dataclasses.replace(
        mask, excluded=row_sets.union(mask.excluded, near))


def _beyond(rng: np.random.Generator, num: int, found: types.Shortlist,
            mask: masks.Mask, num_gallery: int) -> Int[np.ndarray, 'b num']:
  """Random rows that are not listed and not hidden; -1 where none was drawn."""
  rows = rng.integers(0, max(num_gallery, 1), (len(found.rows), _DRAWN * num))
  # Drawn twice counts once.
  same = np.tril(rows[:, :, None] == rows[:, None], -1).any(axis=2)
  listed = (rows[:, :, None] == found.rows[:, None]).any(axis=2)
  unfit = same | listed | mask.hides(rows)
  order = np.argsort(unfit, axis=1, kind='stable')[:, :num]
  kept = np.take_along_axis(rows, order, axis=1)
  return np.where(np.take_along_axis(unfit, order, axis=1), -1, kept)


def _extended(found: types.Shortlist, rows: Int[np.ndarray, 'b n'],
              similarities: Float[np.ndarray, 'b n 3']) -> types.Shortlist:
  """The shortlist with rows that no channel proposed; padding goes last."""
  both = np.concatenate([found.rows, rows], axis=1)
  ranks = np.concatenate([found.ranks, np.full(
      (*rows.shape, len(types.CHANNELS)), -1, found.ranks.dtype)], axis=1)
  sims = np.concatenate([found.similarities, similarities], axis=1)
  order = np.argsort(both < 0, axis=1, kind='stable')
  return types.Shortlist(
      np.take_along_axis(both, order, axis=1),
      np.take_along_axis(ranks, order[..., None], axis=1),
      np.take_along_axis(sims, order[..., None], axis=1))


def as_columns(context: inputs.Context,
               dist_km: Float[np.ndarray, 'b k']) -> dict[str, np.ndarray]:
  """A Context and the distances as flat columns to store."""
  found = context.shortlist
  columns = {'rows': found.rows.astype(np.int32),
             'ranks': found.ranks.astype(np.int16),
             'similarities': found.similarities, 'counts': context.counts,
             'dist_km': dist_km}
  if context.support is not None:
    columns |= _support_columns(context.support)
  if context.prior is not None:
    columns['prior'] = context.prior
  return columns


def from_columns(columns: Mapping[str, np.ndarray]) -> inputs.Context:
  """The Context that was stored."""
  shortlist = types.Shortlist(
      columns['rows'].astype(np.int64), columns['ranks'].astype(np.int32),
      columns['similarities'])
  found = None
  if 'support_rows' in columns:
    found = support.Support(
        columns['support_rows'].astype(np.int64),
        *(columns[f'support_{name}']
          for name in ('similarities', 'counts', 'nearest_km')))
  return inputs.Context(
      shortlist, columns['counts'], found, columns.get('prior'))


def _support_columns(found: support.Support) -> dict[str, np.ndarray]:
  return {'support_rows': found.rows.astype(np.int32),
          'support_similarities': found.similarities,
          'support_counts': found.counts,
          'support_nearest_km': found.nearest_km}
