"""Scores of a shortlist by a trained reranker.

  queries, Context ─▶ + columns of its priors ─▶ Batch ─▶ one query at a time
                                               ─▶ linear part, network

A score depends on its query, its candidates and the gallery alone: not on
which queries came along, nor in which order. Only where the reranker's priors
were fitted on rows that some query may not see are they fitted again, once, for
all queries of a mask (`Ranker.prepared`).
"""

from collections.abc import Mapping
import copy
import dataclasses
import functools
import hashlib

import jax
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.rerank import (
  channel_lists,
  files,
  fusion,
  inputs,
  region_lists,
  region_prior,
  scoring,
)
from pinpoint_jax.rerank import priors as priors_lib
from pinpoint_jax.search import masks, row_sets

# Queries whose vectors are in memory at a time.
_BLOCK = 64


class Refits:
  """Priors fitted again, shared by the rerankers of a gallery."""

  def __init__(self, reader: inputs.Reader):
    self._gallery, self._fitted = reader.gallery, {}

  def fit(self, info: files.RerankerInfo, rows: Int[np.ndarray, 'n'],
          ) -> dict[str, object]:
    """Priors as that reranker has them, of other rows."""
    key = (info.task, repr(sorted(info.priors.items())), rows.tobytes())
    if key not in self._fitted:
      self._fitted.clear()  # One set of queries at a time.
      self._fitted[key] = priors_lib.fit(
          self._gallery, rows, info.task, priors_lib.settings(info.priors))
    return self._fitted[key]


class Ranker:
  """A trained reranker on an open gallery."""

  def __init__(self, reader: inputs.Reader, trained: files.Trained,
               refits: Refits | None = None):
    """Refuses a reranker trained on vectors that the gallery lacks."""
    self._reader, self._trained = reader, trained
    gallery = self._gallery = reader.gallery
    files.check_gallery(
        trained, gallery.manifest['embedder'], gallery.manifest['raw_dim'],
        str(gallery.path))
    self._refits = refits or Refits(reader)
    self._priors = trained.priors
    self._fitted = np.sort(gallery.find(np.asarray(
        trained.info.fitted_ids, np.str_)))
    # A row that is no longer there was deleted, too.
    self._is_stale = bool(np.any(self._fitted < 0) or row_sets.is_among(
        self._fitted, gallery.removed).any())
    self._scorer = scoring.Scorer(trained.model, trained.info.weights)
    self._params = jax.device_put(trained.params)

  @property
  def sizes(self) -> shortlists.Sizes:
    """Of the shortlists it was trained on: deeper ones can make it worse."""
    return shortlists.Sizes(**self._trained.info.sizes)

  @property
  def reads_nearby(self) -> bool:
    """Whether a Context must say what lies near the candidates."""
    return inputs.reads_nearby(self._trained.model, self._trained.info.columns)

  @property
  def reads_hubness(self) -> bool:
    """Whether a Context must say how alike the candidates are to anything."""
    return 'hubness' in self._trained.info.columns

  @functools.cached_property
  def order(self) -> str:
    """Tells lists in one order from those in another; '' is by similarity."""
    if self._trained.info.order == 'similarity':
      return ''
    digest = hashlib.sha256()
    for name, array in sorted(self._priors['region'].items()):
      digest.update(name.encode() + np.asarray(array).tobytes())
    return digest.hexdigest()

  def depths(self) -> dict[str, int]:
    """How long the lists must be that its shortlist is taken from."""
    return (region_lists.depths(self.sizes) if self.order else
            self.sizes.by_channel())

  def ordered(self, lists: Mapping[str, types.Candidates],
              queries: shortlists.Queries) -> Mapping[str, types.Candidates]:
    """The lists in the order in which it was trained to take candidates."""
    if not self.order:
      return lists
    depths = self.depths()
    return region_lists.preferred(
        self._priors['region'], self._trained.info.task, queries.of('raw'),
        {name: types.Candidates(lists[name].rows[:, :depth],
                                lists[name].scores[:, :depth])
         for name, depth in depths.items()}, self._gallery.latlng_deg)

  @property
  def has_linear_part(self) -> bool:
    """Whether its network corrects an answer, or is all there is."""
    return self._trained.info.weights is not None

  @property
  def fused(self) -> fusion.Fusion:
    """The single stage of similarities that it was trained beside."""
    return fusion.Fusion(**self._trained.info.fusion)

  def prepared(self, mask: masks.Mask) -> 'Ranker':
    """One whose priors saw no row that is deleted or hidden from any query.

    Give it the mask of all queries at once: priors are fitted again where the
    stored ones have seen too much, and then serve all of them.
    """
    if not self._saw_hidden(mask):
      return self
    other = copy.copy(self)
    other.__dict__.pop('order', None)  # Of other priors, another one.
    other._fitted = priors_lib.rows_to_fit(
        self._gallery, np.unique(mask.excluded.rows))
    other._is_stale = False
    other._priors = self._refits.fit(self._trained.info, other._fitted)
    return other

  def _saw_hidden(self, mask: masks.Mask) -> bool:
    return self._is_stale or bool(
        row_sets.is_among(mask.excluded.rows, self._fitted).any())

  def region_column(self, queries: shortlists.Queries, context: inputs.Context,
                    mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    """The region prior of each candidate, 0 in padded slots."""
    self._check(mask)
    return self._with_priors(queries, context).columns(['region'])[..., 0]

  @property
  def num_region_cells(self) -> int:
    """Cells of its region prior."""
    return len(self._priors['region']['borders']) + 1

  def region_logs(self, queries: shortlists.Queries) -> Float[
      np.ndarray, 'b c']:
    """log P(cell | photo) of all cells, of one that has a region prior."""
    num = self.num_region_cells
    every = np.broadcast_to(np.arange(num, dtype=np.int32), (len(queries), num))
    return region_prior.log_prior(self._priors['region'],
                                  self._trained.info.task, queries.of('raw'),
                                  every)

  def region_cells(self, latlng_deg: types.LatLng) -> Int[np.ndarray, '...']:
    """The cell of each place."""
    return region_prior.cells(self._priors['region'], latlng_deg)

  def parts(self, queries: shortlists.Queries, context: inputs.Context,
            mask: masks.Mask) -> scoring.Parts:
    """Linear part and network of each candidate's score, -inf in padded slots.

    context: of those queries under that mask.
    """
    self._check(mask)
    info = self._trained.info
    context = self._with_priors(queries, context)
    linear, network = (np.empty(context.valid.shape, np.float32)
                       for _ in scoring.Parts._fields)
    def fill(at: slice) -> None:
      linear[at], network[at] = self._scorer.parts(
          self._params, self._reader.batch(
              self._trained.model, queries.take(at),
              inputs.take(context, at), info.columns))
    blocks.in_threads(fill, len(queries), _BLOCK)
    return scoring.Parts(linear, network)

  def _check(self, mask: masks.Mask) -> None:
    if self._saw_hidden(mask):
      raise ValueError(
          f'reranker {self._trained.fingerprint}: its priors were fitted on '
          f'rows that are deleted or hidden from a query: call prepared(mask)')

  def _with_priors(self, queries: shortlists.Queries,
                   context: inputs.Context) -> inputs.Context:
    if not self._priors:
      return context
    return dataclasses.replace(context, priors=priors_lib.columns_of(
        self._priors, self._trained.info.task, queries.of('raw'),
        self._reader.places(context.shortlist)))

  def scores(self, queries: shortlists.Queries, context: inputs.Context,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    """One score per candidate, -inf in padded slots."""
    linear, network = self.parts(queries, context, mask)
    return linear + network


class RegionPrior:
  """`region_prior`: raw similarity and the region prior of a reranker."""

  def __init__(self, ranker: Ranker, weights: Mapping[str, float]):
    self._ranker, self._weights = ranker, weights

  def prepared(self, mask: masks.Mask) -> 'RegionPrior':
    """One whose prior saw no row that is hidden from any query."""
    return RegionPrior(self._ranker.prepared(mask), self._weights)

  def scores(self, queries: shortlists.Queries, context: inputs.Context,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    """One score per candidate, -inf in padded slots."""
    prior = self._ranker.region_column(queries, context, mask)
    raw = context.shortlist.similarities[..., types.CHANNELS.index('raw')]
    scores = self._weights['raw'] * np.where(context.valid, raw, 0.) + (
        self._weights[channel_lists.REGION] * prior)
    return np.where(context.valid, scores, -np.inf).astype(np.float32)
