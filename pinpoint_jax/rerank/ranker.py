"""Scores of a shortlist by a trained reranker.

  queries, shortlist, mask ─▶ Context ─▶ Batch ─▶ one query at a time ─▶ scores

A score depends on its query, its candidates and the gallery alone: not on
which queries came along, nor in which order.
"""

import jax
from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.rerank import files, fusion, inputs, scoring
from pinpoint_jax.search import masks

# Queries whose vectors are in memory at a time.
_BLOCK = 64


class Ranker:
  """A trained reranker on an open gallery."""

  def __init__(self, searcher: search.Searcher,
               neighbourhoods: neighbours.Neighbourhoods,
               trained: files.Trained | fusion.Fusion):
    """Refuses a reranker trained on another embedder's vectors."""
    self._trained = trained
    if isinstance(trained, fusion.Fusion):
      return
    gallery = searcher.gallery
    files.check_gallery(
        trained, gallery.manifest['embedder'], str(gallery.path))
    self._reader = inputs.Reader(
        gallery, neighbourhoods, trained.prior)
    self._scorer = scoring.Scorer(trained.model, trained.info.weights)
    self._params = jax.device_put(trained.params)

  @property
  def kind(self) -> str:
    """attention, light, or retrieval for the fused similarities."""
    return ('retrieval' if isinstance(self._trained, fusion.Fusion)
            else self._trained.kind)

  @property
  def sizes(self) -> shortlists.Sizes | None:
    """Of the shortlists it was trained on: deeper ones can make it worse."""
    if isinstance(self._trained, fusion.Fusion):
      return None
    return shortlists.Sizes(**self._trained.info.sizes)

  def scores(self, queries: shortlists.Queries, shortlist: types.Shortlist,
             mask: masks.Mask | None = None) -> Float[np.ndarray, 'b k']:
    """One score per candidate, -inf in padded slots."""
    mask = mask or masks.open_mask(len(queries))
    if isinstance(self._trained, fusion.Fusion):
      return self._trained.logits(shortlist)
    scores = np.empty(shortlist.rows.shape, np.float32)
    for start in range(0, len(scores), _BLOCK):
      at = slice(start, start + _BLOCK)
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
