"""What a reranker learns from: queries of known place and their candidates.

  query ─▶ without itself, its author, its sequence ──────────┐
        ─▶ and without rows within a random radius             │
           ─▶ shortlist ─▶ + random rows from beyond it ───────┴─▶ Context

A gallery row that searches its own gallery must not find itself: what learns
from such lists learns that the best candidate is always right.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import filters
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.geo import distance, neighbors
from pinpoint_jax.rerank import inputs, nearby, region_lists
from pinpoint_jax.rerank import priors as priors_lib
from pinpoint_jax.search import masks, row_sets
from pinpoint_jax.search import recall as recalls

# Queries made together: a part of what is stored.
PART = 512
# Rows that a list is deeper at least: some are within the radius of a round.
_EXTRA = 64
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
    search_source: both, or same: only rows of the queries' source may be
      candidates, as in the paper; what lies near them is of both.
    order: of the lists that are cut to `sizes`: by similarity, or also by the
      region prior (region_lists.py).
  """

  sizes: Mapping[str, int]
  rounds: int = 4
  radii_km: Sequence[float | int] = (0., .1, 1.)
  deep_negatives: int = 4
  leave_one_out: bool = True
  seed: int = 0
  search_source: str = 'both'
  order: str = 'similarity'

  def __post_init__(self):
    if self.order not in region_lists.ORDERS:
      raise ValueError(f'--config.examples.order={self.order}: choices are '
                       f'{region_lists.ORDERS}')
    filters.check_search_source(self.search_source)
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
               settings: Settings, priors: priors_lib.Priors | None = None):
    """priors: whose columns are then in a Context."""
    self._searcher, self._reader, self._settings = searcher, reader, settings
    self._priors = priors or {}
    self._sizes = shortlists.Sizes(**settings.sizes)
    if settings.order == 'region' and 'region' not in self._priors:
      raise ValueError('--config.examples.order=region: there is no region '
                       'prior: set --config.region.cells, or take '
                       'order=similarity')
    # How long the lists are from which a shortlist is taken.
    self._lengths = (self._sizes.by_channel() if settings.order == 'similarity'
                     else region_lists.depths(self._sizes))
    self._near = neighbors.SphereIndex(searcher.gallery.latlng_deg)

  @property
  def rounds(self) -> int:
    """Lists of each query."""
    return self._settings.rounds

  def radii_km(self, turn: int, num_queries: int) -> Float[np.ndarray, 'b']:
    """How near rows are hidden from each of all queries in that round."""
    return np.random.default_rng([self._settings.seed, turn]).choice(
        np.asarray(self._settings.radii_km, np.float64), num_queries)

  def contexts(self, labeled: LabeledQueries, at: slice, turns: Sequence[int],
               with_nearby: bool) -> Iterator[tuple[int, inputs.Context]]:
    """Candidates of a block's queries, and what lies around them, by round.

    One search, deeper than a list is long, serves all rounds, and what they
    have in common is looked up once.
    """
    if not turns:
      return
    some = labeled.take(at)
    mask = self._mask(some.photos)
    several = self._shortlists(labeled, at, turns, mask)
    # Counts and support with the near rows: fewer would betray the truth.
    contexts = self._reader.contexts(
        some.vectors, several, some.photos.source, mask, with_nearby,
        with_nearby)
    for turn, context, columns in zip(
        turns, contexts, self._columns(some, several)):
      yield turn, dataclasses.replace(context, priors=columns)

  def _shortlists(self, labeled: LabeledQueries, at: slice,
                  turns: Sequence[int],
                  mask: masks.Mask) -> list[types.Shortlist]:
    """Of a block's queries, round by round."""
    some, settings = labeled.take(at), self._settings
    open_rows = filters.searched(self._searcher.gallery, mask,
                                 some.photos.source, settings.search_source)
    lists = self._searcher.lists(some.vectors, self._depths(), open_rows)
    # Drawn for all queries: a block's do not depend on where it is cut.
    searched = [self._without_near(
        open_rows, some.photos, self.radii_km(turn, len(labeled))[at])
                for turn in turns]
    narrowed = [self._narrowed(lists, some.vectors, one) for one in searched]
    several = []
    for turn, one, ordered in zip(turns, searched,
                                  self._ordered(narrowed, some)):
      shortlist = self._searcher.union(ordered, some.vectors, self._sizes)
      rng = np.random.default_rng([settings.seed, turn, at.start + 1])
      rows = _beyond(rng, settings.deep_negatives, shortlist, one,
                     len(self._searcher.gallery))
      several.append(_extended(shortlist, rows, shortlists.similarities(
          some.vectors, rows, self._searcher.pair_scores,
          self._searcher.channels)))
    return several

  def _ordered(self, several: Sequence[Mapping[str, types.Candidates]],
               some: LabeledQueries) -> Sequence[
                   Mapping[str, types.Candidates]]:
    """The lists of each round in the order in which they are cut."""
    if self._settings.order == 'similarity':
      return several
    ordered = region_lists.preferred(
        self._priors['region'], some.photos.source, some.vectors.of('raw'),
        {(i, name): candidates for i, lists in enumerate(several)
         for name, candidates in lists.items()},
        self._searcher.gallery.latlng_deg)
    return [{name: ordered[i, name] for name in lists}
            for i, lists in enumerate(several)]

  def _columns(self, some: LabeledQueries,
               several: Sequence[types.Shortlist],
               ) -> list[dict[str, Float[np.ndarray, 'b k _']]]:
    """Of the priors, round by round."""
    if not self._priors:
      return [{} for _ in several]
    columns = priors_lib.columns_of(
        self._priors, some.photos.source, some.vectors.of('raw'),
        np.concatenate([self._reader.places(x) for x in several], axis=1))
    ends = np.cumsum([x.rows.shape[1] for x in several])[:-1]
    by_name = {name: np.split(values, ends, axis=1)
               for name, values in columns.items()}
    return [{name: values[i] for name, values in by_name.items()}
            for i in range(len(several))]

  def _depths(self) -> dict[str, int]:
    # Deep enough for most queries whose nearest rows are hidden.
    extra = _EXTRA if max(self._settings.radii_km) else 0
    return {name: size + min(size, extra) + extra
            for name, size in self._lengths.items()}

  def _narrowed(self, lists: Mapping[str, types.Candidates],
                vectors: shortlists.Queries,
                mask: masks.Mask) -> dict[str, types.Candidates]:
    """What a search under the narrower mask gives, out of longer lists."""
    narrowed = {}
    for name, size in self._lengths.items():
      filtered = mask.filter(lists[name], size)
      # A list that is padded has no further rows.
      short = np.flatnonzero(filtered.short & (lists[name].rows[:, -1] >= 0))
      narrowed[name] = filtered.candidates
      if len(short):
        again = self._searcher.search(
            name, vectors.of(name)[short], size, mask.take(short))
        narrowed[name].rows[short] = again.rows
        narrowed[name].scores[short] = again.scores
    return narrowed

  def dist_km(self, labeled: LabeledQueries, at: slice,
              rows: Int[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
    """How far each candidate is from the truth, inf in padded slots."""
    places = self._searcher.gallery.latlng_deg[np.maximum(rows, 0)]
    truth = labeled.photos.latlng_deg[at]
    km = distance.haversine_km(places, truth[:, None])
    return np.where(rows >= 0, km, np.inf).astype(np.float32)

  def _mask(self, photos: types.Photos) -> masks.Mask:
    if not self._settings.leave_one_out:
      return filters.mask(self._searcher.gallery, photos, 'none',
                          leave_one_out=False)
    return filters.mask(self._searcher.gallery, photos, 'author')

  def _without_near(self, mask: masks.Mask, photos: types.Photos,
                    radii_km: Float[np.ndarray, 'b']) -> masks.Mask:
    if not self._settings.leave_one_out:
      return mask
    near = row_sets.within_radius(self._near, photos.latlng_deg, radii_km)
    return dataclasses.replace(
        mask, excluded=row_sets.union(mask.excluded, near))


def _beyond(
    rng: np.random.Generator, num: int, shortlist: types.Shortlist,
    mask: masks.Mask, num_gallery: int) -> Int[np.ndarray, 'b num']:
  """Random rows that are not listed and not hidden; -1 where none was drawn."""
  rows = rng.integers(
      0, max(num_gallery, 1), (len(shortlist.rows), _DRAWN * num))
  # Drawn twice counts once.
  same = np.tril(rows[:, :, None] == rows[:, None], -1).any(axis=2)
  listed = (rows[:, :, None] == shortlist.rows[:, None]).any(axis=2)
  unfit = same | listed | mask.hides(rows)
  order = np.argsort(unfit, axis=1, kind='stable')[:, :num]
  kept = np.take_along_axis(rows, order, axis=1)
  return np.where(np.take_along_axis(unfit, order, axis=1), -1, kept)


def _extended(shortlist: types.Shortlist, rows: Int[np.ndarray, 'b n'],
              similarities: Float[np.ndarray, 'b n 3']) -> types.Shortlist:
  """The shortlist with rows that no channel proposed; padding goes last."""
  both = np.concatenate([shortlist.rows, rows], axis=1)
  ranks = np.concatenate([shortlist.ranks, np.full(
      (*rows.shape, len(types.CHANNELS)), -1, shortlist.ranks.dtype)], axis=1)
  sims = np.concatenate([shortlist.similarities, similarities], axis=1)
  order = np.argsort(both < 0, axis=1, kind='stable')
  return types.Shortlist(
      np.take_along_axis(both, order, axis=1),
      np.take_along_axis(ranks, order[..., None], axis=1),
      np.take_along_axis(sims, order[..., None], axis=1))


def recall(searcher: search.Searcher, exact: search.Searcher,
           labeled: LabeledQueries, settings: Settings) -> dict[str, float]:
  """Share of the exact lists' places for which a searcher has a row as good.

  By channel. By score: frames of one place have equal scores, and which of
  them is listed is luck.
  """
  mask = filters.mask(exact.gallery, labeled.photos, 'author')
  sizes = shortlists.Sizes(**settings.sizes).by_channel()
  listed, right = (some.lists(labeled.vectors, sizes, mask)
                   for some in (searcher, exact))
  return {name: recalls.as_good(listed[name].scores, right[name])
          for name in sizes if name in right}


def as_columns(context: inputs.Context,
               dist_km: Float[np.ndarray, 'b k']) -> dict[str, np.ndarray]:
  """A Context and the distances as flat columns to store."""
  shortlist = context.shortlist
  columns = {'rows': shortlist.rows.astype(np.int32),
             'ranks': shortlist.ranks.astype(np.int16),
             'similarities': shortlist.similarities, 'counts': context.counts,
             'dist_km': dist_km}
  if context.nearby is not None:
    columns |= {f'nearby_{name}': column for name, column in
                dataclasses.asdict(context.nearby).items()}
    columns['nearby_rows'] = context.nearby.rows.astype(np.int32)
  columns |= {f'prior_{name}': column
              for name, column in context.priors.items()}
  columns |= {name: column for name in ('hubness', 'features')
              if (column := getattr(context, name)) is not None}
  return columns


def from_columns(columns: Mapping[str, np.ndarray]) -> inputs.Context:
  """The Context that was stored."""
  shortlist = types.Shortlist(
      columns['rows'].astype(np.int64), columns['ranks'].astype(np.int32),
      columns['similarities'])
  by_kind = {kind: {name.removeprefix(kind): column for name, column
                    in columns.items() if name.startswith(kind)}
             for kind in ('nearby_', 'prior_')}
  around = None
  if by_kind['nearby_']:
    around = nearby.Nearby(**by_kind['nearby_'] | {
        'rows': columns['nearby_rows'].astype(np.int64)})
  return inputs.Context(shortlist, columns['counts'], around,
                        columns.get('hubness'), by_kind['prior_'],
                        columns.get('features'))
