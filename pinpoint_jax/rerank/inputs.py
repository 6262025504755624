"""From a shortlist to what the rerankers read of the gallery.

  shortlist ─▶ Context: counts and support, as far as the mask lets them be
  Context ─▶ vectors of its rows, from the memory-mapped segments ─▶ Batch

A Context is small and costs a search; vectors are large and cost a read: for
training the one is stored, the other streamed.
"""

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
from pinpoint_jax.rerank import geo_prior, light_features, scoring, support
from pinpoint_jax.search import masks, vectors


@dataclasses.dataclass(frozen=True)
class Context:
  """A shortlist and what lies around its candidates.

  Attributes:
    shortlist: the candidates.
    counts: rows within 1 and 25 km by source that the query may see, int32
      [b, k, 2, 2].
    support: the other source's rows near each candidate; None where not
      looked up.
    prior: geo_prior.COLUMNS of each candidate; None without a prior.
    features: light_features.FEATURES of each; None where not kept.
  """

  shortlist: types.Shortlist
  counts: Int[np.ndarray, 'b k 2 2']
  support: support.Support | None
  prior: Float[np.ndarray, 'b k 4'] | None = None
  features: Float[np.ndarray, 'b k f'] | None = None

  @property
  def valid(self) -> Bool[np.ndarray, 'b k']:
    """False in padded slots."""
    return self.shortlist.rows >= 0


@dataclasses.dataclass(frozen=True)
class InputSpec:
  """What an attention reranker reads besides the image embeddings."""

  raw: bool = True
  location: bool = True
  support: bool = True


def spec(module: nn.Module) -> InputSpec:
  """What of the gallery that module reads."""
  if scoring.is_light(module):
    return InputSpec(False, False, False)
  return InputSpec(module.use_raw, module.use_location, module.use_support)


class Reader:
  """An open gallery as the rerankers read it."""

  def __init__(self, gallery: galleries.Gallery,
               neighbourhoods: neighbours.Neighbourhoods,
               prior: geo_prior.GeoPrior | None = None):
    """prior: a reranker's prior, whose columns are then in a Context."""
    if len(gallery) != len(neighbourhoods):
      raise ValueError(f'{len(neighbourhoods)} neighbourhoods are not of '
                       f'{gallery.path}, which has {len(gallery)} rows')
    self.gallery, self._around = gallery, neighbourhoods
    self._prior = prior
    self._nearby = support.Nearby(gallery.latlng_deg, gallery.source)
    self._xyz = coords.to_xyz(gallery.latlng_deg)
    self._vectors = {name: vectors.Joined(parts) for name in types.CHANNELS
                     if None not in (parts := gallery.channel(name)) and parts}

  def context(self, queries: shortlists.Queries, shortlist: types.Shortlist,
              mask: masks.Mask, with_support: bool = True) -> Context:
    """Counts and support of each candidate under the mask of its query."""
    mask = dataclasses.replace(
        mask, removed=np.union1d(mask.removed, self.gallery.removed))
    counts = density.visible_counts(
        shortlist.rows, self._around.density, self._xyz,
        self.gallery.source, mask)
    nearby = support.select(
        queries.z_image, shortlist.rows, self._around.lists,
        self._vectors['image'], mask, self._nearby) if with_support else None
    return Context(shortlist, counts, nearby, self._columns(queries, shortlist))

  def _columns(self, queries: shortlists.Queries, shortlist: types.Shortlist,
               ) -> Float[np.ndarray, 'b k 4'] | None:
    if self._prior is None:
      return None
    places = self.gallery.latlng_deg[np.maximum(shortlist.rows, 0)]
    columns = geo_prior.columns(self._prior, queries.of('raw'), places)
    return rerank_inputs.without_padding(
        columns, shortlist.rows >= 0, geo_prior.COLUMNS)

  def features(self, context: Context) -> Float[np.ndarray, 'b k f']:
    """light_features.FEATURES of each candidate."""
    places = self.gallery.latlng_deg[np.maximum(context.shortlist.rows, 0)]
    return light_features.features(context.shortlist, places, context.counts)

  def batch(self, module: nn.Module, queries: shortlists.Queries,
            context: Context) -> scoring.Batch:
    """What that module scores, for training and for answers."""
    if scoring.is_light(module):
      features = (self.features(context) if context.features is None
                  else context.features)
      return scoring.batch(context.shortlist, features=features,
                           prior=context.prior)
    return scoring.batch(
        context.shortlist, prior=context.prior,
        inputs=self.inputs(queries, context, spec(module)))

  def inputs(self, queries: shortlists.Queries, context: Context,
             wanted: InputSpec) -> rerank_inputs.Inputs:
    """Arrays of the attention reranker; what is not wanted is None."""
    read = lambda channel: self._take(channel, context.shortlist.rows)
    return rerank_inputs.Inputs(
        queries.z_image, queries.of('raw') if wanted.raw else None,
        read('image'), read('location') if wanted.location else None,
        read('raw') if wanted.raw else None,
        rerank_inputs.meta(context.shortlist, context.counts),
        self._support(context) if wanted.support else None, context.valid)

  def _support(self, context: Context) -> rerank_inputs.Support:
    nearby = context.support
    if nearby is None:
      raise ValueError('the reranker reads support, which was not looked up: '
                       'call context(with_support=True)')
    return rerank_inputs.Support(
        self._take('image', nearby.rows), nearby.similarities,
        rerank_inputs.support_scalars(nearby.similarities, nearby.counts,
                                      nearby.nearest_km))

  def _take(self, channel: str,
            rows: Int[np.ndarray, '*b']) -> Float[np.ndarray, '*b d']:
    """Vectors of those rows, 0 where the row is -1."""
    if channel not in self._vectors:
      raise ValueError(f'{self.gallery.path} has no {channel} vectors, which '
                       f'this reranker reads: build the gallery with them')
    real = rows >= 0
    stored = self._vectors[channel]
    taken = np.zeros((*rows.shape, stored.dim), np.float32)
    taken[real] = stored.take(rows[real])
    return taken
