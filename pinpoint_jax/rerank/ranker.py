"""Scores of a shortlist by a trained reranker.

  queries, shortlist, mask ─▶ Context ─▶ Batch ─▶ one query at a time ─▶ scores

A score depends on its query, its candidates and the gallery alone: not on
which queries came along, nor in which order. Only where the reranker's prior
was fitted on rows that some query may not see is it fitted again, once, for all
queries of a mask (`Ranker.prepared`).
"""

import copy

import jax
from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.rerank import files, geo_prior, inputs, scoring
from pinpoint_jax.search import masks, row_sets

# Queries whose vectors are in memory at a time.
_BLOCK = 64


class Ranker:
  """A trained reranker on an open gallery."""

  def __init__(self, searcher: search.Searcher,
               neighbourhoods: neighbours.Neighbourhoods,
               trained: files.Trained):
    """Refuses a reranker trained on another embedder's vectors."""
    self._trained = trained
    gallery = self._gallery = searcher.gallery
    files.check_gallery(
        trained, gallery.manifest['embedder'], str(gallery.path))
    self._neighbourhoods = neighbourhoods
    self._fitted = np.sort(gallery.find(np.asarray(
        trained.info.prior.get('ids', ()), np.str_)))
    # A row that is no longer there was deleted, too.
    self._is_stale = bool(np.any(self._fitted < 0) or row_sets.is_among(
        self._fitted, gallery.removed).any())
    self._reader = inputs.Reader(gallery, neighbourhoods, trained.prior)
    self._scorer = scoring.Scorer(trained.model, trained.info.weights)
    self._params = jax.device_put(trained.params)

  @property
  def sizes(self) -> shortlists.Sizes:
    """Of the shortlists it was trained on: deeper ones can make it worse."""
    return shortlists.Sizes(**self._trained.info.sizes)

  def prepared(self, mask: masks.Mask) -> 'Ranker':
    """One whose prior saw no row that is deleted or hidden from any query.

    Give it the mask of all queries at once: a prior is fitted again where the
    stored one has seen too much, and then serves all of them.
    """
    if not self._saw_hidden(mask):
      return self
    prior, hidden = self._trained.info.prior, np.unique(mask.excluded.rows)
    rows = geo_prior.rows_to_fit(
        self._gallery, self._trained.info.task, hidden)
    other = copy.copy(self)
    other._fitted, other._is_stale = rows, False
    other._reader = inputs.Reader(
        self._gallery, self._neighbourhoods, geo_prior.fit_rows(
            self._gallery, rows,
            geo_prior.Settings(prior['centres'], prior['anchors'])))
    return other

  def _saw_hidden(self, mask: masks.Mask) -> bool:
    return self._is_stale or bool(
        row_sets.is_among(mask.excluded.rows, self._fitted).any())

  def scores(self, queries: shortlists.Queries, shortlist: types.Shortlist,
             mask: masks.Mask | None = None) -> Float[np.ndarray, 'b k']:
    """One score per candidate, -inf in padded slots."""
    mask = mask or masks.open_mask(len(queries))
    if self._saw_hidden(mask):
      raise ValueError(
          f'reranker {self._trained.fingerprint}: its prior was fitted on rows '
          f'that are deleted or hidden from a query: call prepared(mask)')
    scores = np.empty(shortlist.rows.shape, np.float32)
    for at in blocks.slices(len(scores), _BLOCK):
      scores[at] = self._block(
          queries.take(at), take(shortlist, at), mask.take(at))
    return scores

  def _block(self, queries: shortlists.Queries, shortlist: types.Shortlist,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    module = self._trained.model
    context = self._reader.context(
        queries, shortlist, mask, inputs.spec(module).support)
    return self._scorer(self._params,
                        self._reader.batch(module, queries, context))


def take(shortlist: types.Shortlist, queries: slice | np.ndarray,
         ) -> types.Shortlist:
  """The candidates of some queries."""
  return types.Shortlist(shortlist.rows[queries], shortlist.ranks[queries],
                         shortlist.similarities[queries])
