"""From a shortlist to what the rerankers read of the gallery.

  shortlist ─▶ Context: what lies around each candidate, as far as the mask
               lets the query see it
  Context ─▶ vectors of its rows, from the memory-mapped segments ─▶ Batch

A Context is small and costs a search; vectors are large and cost a read: for
training the one is stored, the other streamed. Rerankers of one task share it.
"""

from collections.abc import Mapping, Sequence
import dataclasses

from flax import linen as nn
from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.gallery import density, neighbours
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import coords
from pinpoint_jax.models import rerank_inputs
from pinpoint_jax.rerank import columns as columns_lib
from pinpoint_jax.rerank import csls, light_features, scoring
from pinpoint_jax.rerank import nearby as nearby_lib
from pinpoint_jax.search import masks, vectors


@dataclasses.dataclass(frozen=True)
class Context:
  """A shortlist and what lies around its candidates.

  Attributes:
    shortlist: the candidates.
    counts: rows within 1 and 25 km by source that the query may see, int32
      [b, k, 2, 2].
    nearby: rows of each source near each candidate; None where not looked up.
    hubness: csls.COLUMNS of each; None where not looked up.
    priors: columns of each of columns.PRIORS that a reranker has, [b, k, c].
    features: light_features.FEATURES of each; None where not kept.
  """

  shortlist: types.Shortlist
  counts: Int[np.ndarray, 'b k 2 2']
  nearby: nearby_lib.Nearby | None = None
  hubness: Float[np.ndarray, 'b k 2'] | None = None
  priors: Mapping[str, Float[np.ndarray, 'b k _']] = dataclasses.field(
      default_factory=dict)
  features: Float[np.ndarray, 'b k f'] | None = None

  @property
  def valid(self) -> Bool[np.ndarray, 'b k']:
    """False in padded slots."""
    return self.shortlist.rows >= 0

  def columns(self, groups: Sequence[str]) -> Float[np.ndarray, 'b k c']:
    """columns.GROUPS of those names, 0 in padded slots."""
    by_group = {'density': rerank_inputs.log_counts(self.counts), **self.priors}
    if self.nearby is not None:
      num_own = len(nearby_lib.OWN)
      by_group |= {'own': self.nearby.columns[..., :num_own],
                   'other': self.nearby.columns[..., num_own:]}
    if self.hubness is not None:
      by_group['hubness'] = self.hubness
    missing = sorted(set(groups) - set(by_group))
    if missing:
      raise ValueError(f'the reranker reads the columns {missing}, which were '
                       f'not looked up')
    return rerank_inputs.without_padding(
        columns_lib.joined(by_group, groups, self.valid.shape), self.valid,
        columns_lib.names(groups))


@dataclasses.dataclass(frozen=True)
class InputSpec:
  """What a reranker reads besides the image embeddings."""

  raw: bool = True
  location: bool = True
  support: bool = True


def spec(module: nn.Module) -> InputSpec:
  """What of the gallery that module reads."""
  if scoring.is_light(module):
    return InputSpec(False, False, False)
  return InputSpec(module.use_raw, module.use_location, module.use_support)


def reads_nearby(module: nn.Module, groups: Sequence[str]) -> bool:
  """Whether rows near the candidates have to be looked up."""
  return spec(module).support or bool(set(groups) & set(columns_lib.NEARBY))


class Reader:
  """An open gallery as the rerankers read it."""

  def __init__(self, gallery: galleries.Gallery,
               neighbourhoods: neighbours.Neighbourhoods):
    if len(gallery) != len(neighbourhoods):
      raise ValueError(f'{len(neighbourhoods)} neighbourhoods are not of '
                       f'{gallery.path}, which has {len(gallery)} rows')
    self.gallery, self._around = gallery, neighbourhoods
    self._xyz = coords.to_xyz(gallery.latlng_deg)
    self._vectors = {name: vectors.Joined(parts) for name in types.CHANNELS
                     if None not in (parts := gallery.channel(name)) and parts}
    self._hubs: dict[str, csls.Hubs] = {}
    self._finder = nearby_lib.Finder(
        gallery.latlng_deg, gallery.source, neighbourhoods.lists,
        {name: rows for name, rows in self._vectors.items()
         if name in nearby_lib.CHANNELS})

  def context(self, queries: shortlists.Queries, shortlist: types.Shortlist,
              task: types.Source, mask: masks.Mask,
              with_nearby: bool = True,
              with_hubness: bool = False) -> Context:
    """What lies around each candidate under the mask of its query.

    task: the source of the queries.
    """
    mask = dataclasses.replace(
        mask, removed=np.union1d(mask.removed, self.gallery.removed))
    counts = density.visible_counts(
        shortlist.rows, self._around.density, self._xyz,
        self.gallery.source, mask)
    return Context(
        shortlist, counts, self._finder.find(
            queries, shortlist.rows, task, mask) if with_nearby else None,
        self._hubs_of(task).columns(shortlist.rows, mask)
        if with_hubness else None)

  def contexts(self, queries: shortlists.Queries,
               several: Sequence[types.Shortlist], task: types.Source,
               mask: masks.Mask, with_nearby: bool = True,
               with_hubness: bool = False) -> list[Context]:
    """`context` of several shortlists of the same queries.

    A row that more than one of them has is looked up once.
    """
    rows, slots = _distinct(np.concatenate([x.rows for x in several], axis=1))
    # Nobody proposed them together: only what lies around them is asked for.
    unranked = types.Shortlist(
        rows, *(np.zeros((*rows.shape, len(types.CHANNELS)), dtype)
                for dtype in (np.int32, np.float32)))
    whole = self.context(
        queries, unranked, task, mask, with_nearby, with_hubness)
    ends = np.cumsum([x.rows.shape[1] for x in several])
    return [_at_slots(whole, of_one, shortlist) for of_one, shortlist in zip(
        np.split(slots, ends[:-1], axis=1), several)]

  def _hubs_of(self, task: types.Source) -> csls.Hubs:
    if task not in self._hubs:
      self._hubs[task] = csls.Hubs(self.gallery, task)
    return self._hubs[task]

  def around(self, row: int) -> Int[np.ndarray, 'm']:
    """Rows of both sources near a row: the nearest 33 of each within 25 km."""
    return np.concatenate([lists.of(row) for lists in self._around.lists]
                          ).astype(np.int64)

  def places(self, shortlist: types.Shortlist) -> Float[np.ndarray, 'b k 2']:
    """Where the candidates are; anything in padded slots."""
    return self.gallery.latlng_deg[np.maximum(shortlist.rows, 0)]

  def features(self, context: Context) -> Float[np.ndarray, 'b k f']:
    """light_features.FEATURES of each candidate."""
    return light_features.features(
        context.shortlist, self.places(context.shortlist), context.counts)

  def batch(self, module: nn.Module, queries: shortlists.Queries,
            context: Context, groups: Sequence[str]) -> scoring.Batch:
    """What that module scores, for training and for answers."""
    columns = context.columns(groups)
    if scoring.is_light(module):
      features = (self.features(context) if context.features is None
                  else context.features)
      return scoring.batch(context.shortlist, columns, features=features)
    return scoring.batch(
        context.shortlist, columns,
        inputs=self.inputs(queries, context, spec(module), groups))

  def inputs(self, queries: shortlists.Queries, context: Context,
             wanted: InputSpec, groups: Sequence[str]) -> rerank_inputs.Inputs:
    """Arrays of a reranker; what is not wanted is None."""
    read = lambda channel: self._take(channel, context.shortlist.rows)
    meta = np.concatenate([
        rerank_inputs.meta(context.shortlist, context.counts),
        context.columns([x for x in groups if x != 'density'])], axis=-1)
    return rerank_inputs.Inputs(
        queries.z_image, queries.of('raw') if wanted.raw else None,
        read('image'), read('location') if wanted.location else None,
        read('raw') if wanted.raw else None, meta,
        self._support(context, wanted.raw) if wanted.support else None,
        context.valid)

  def _support(self, context: Context, raw: bool) -> rerank_inputs.Support:
    near = context.nearby
    if near is None:
      raise ValueError('the reranker reads support, which was not looked up: '
                       'call context(with_nearby=True)')
    rows, sims = near.rows, near.similarities
    return rerank_inputs.Support(
        self._take('image', rows[:, :, 0]), sims[:, :, 0],
        self._take('raw', rows[:, :, 1]) if raw else None,
        sims[:, :, 1] if raw else None,
        rerank_inputs.support_scalars(sims[..., 0], near.counts,
                                      near.nearest_km))

  def _take(self, channel: str,
            rows: Int[np.ndarray, '*b']) -> Float[np.ndarray, '*b d']:
    """Vectors of those rows, 0 where the row is -1, float16 if stored so.

    Half the bytes on the way to a device and none lost: models compute in
    float32.
    """
    if channel not in self._vectors:
      raise ValueError(f'{self.gallery.path} has no {channel} vectors, which '
                       f'this reranker reads: build the gallery with them')
    real = rows >= 0
    stored = self._vectors[channel]
    halves = all(part.stored.dtype == np.float16 for part in stored.parts)
    dtype = np.float16 if halves else np.float32
    taken = np.zeros((*rows.shape, stored.dim), dtype)
    taken[real] = stored.take(rows[real], dtype)
    return taken


def _distinct(rows: Int[np.ndarray, 'b m']) -> tuple[
    Int[np.ndarray, 'b u'], Int[np.ndarray, 'b m']]:
  """Each row of a query once, -1 pads, and the slot in which each now is."""
  order = np.argsort(rows, axis=1, kind='stable')
  ascending = np.take_along_axis(rows, order, axis=1)
  changes = np.diff(ascending, axis=1, prepend=ascending[:, :1]) != 0
  slots = np.empty_like(order)
  np.put_along_axis(slots, order, changes.cumsum(axis=1), axis=1)
  distinct = np.full((len(rows), slots.max(initial=-1) + 1), -1, rows.dtype)
  np.put_along_axis(distinct, slots, rows, axis=1)
  return distinct, slots


def _at_slots(context: Context, slots: Int[np.ndarray, 'b k'],
              shortlist: types.Shortlist) -> Context:
  """What lies around a shortlist whose rows are in those slots of another."""
  query = np.arange(len(slots))[:, None]
  near = context.nearby
  return Context(
      shortlist, context.counts[query, slots],
      None if near is None else nearby_lib.Nearby(*(
          getattr(near, field.name)[query, slots]
          for field in dataclasses.fields(near))),
      None if context.hubness is None else context.hubness[query, slots])


def take(context: Context,
         queries: slice | Int[np.ndarray, 'n']) -> Context:
  """The same of some queries."""
  cut = lambda record: type(record)(*(
      getattr(record, field.name)[queries]
      for field in dataclasses.fields(record)))
  return Context(
      cut(context.shortlist), context.counts[queries],
      None if context.nearby is None else cut(context.nearby),
      None if context.hubness is None else context.hubness[queries],
      {name: column[queries] for name, column in context.priors.items()},
      None if context.features is None else context.features[queries])
