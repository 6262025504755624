"""Scores of a shortlist by a trained reranker.

  queries, shortlist, mask ─▶ Context ─▶ Batch ─▶ one query at a time ─▶ scores

A score depends on its query, its candidates and the gallery alone: not on
which queries came along, nor in which order.
"""

from flax import linen as nn
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
    found = np.empty(shortlist.rows.shape, np.float32)
    for start in range(0, len(found), _BLOCK):
      at = slice(start, start + _BLOCK)
      found[at] = self._block(
          queries.take(at), take(shortlist, at), mask.take(at))
    return found

  def _block(self, queries: shortlists.Queries, shortlist: types.Shortlist,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    trained = self._trained
    context = self._reader.context(
        queries, shortlist, mask, reads(trained.model).support)
    batch = make_batch(self._reader, trained.model, queries, context)
    return self._scorer(self._params, batch)


def make_batch(reader: inputs.Reader, module: nn.Module,
               queries: shortlists.Queries,
               context: inputs.Context) -> scoring.Batch:
  """What that module scores."""
  valid = context.valid
  sims = np.where(valid[..., None], context.shortlist.similarities, 0.).astype(
      np.float32)
  if is_light(module):
    return scoring.Batch(
        sims, valid, features=reader.features(context), prior=context.prior)
  return scoring.Batch(
      sims, valid, reader.inputs(queries, context, reads(module)),
      prior=context.prior)


def reads(module: nn.Module) -> inputs.InputSpec:
  """What of the gallery that module looks at."""
  if is_light(module):
    return inputs.InputSpec(False, False, False)
  return inputs.InputSpec(module.use_raw, module.use_location,
                              module.use_support)


def is_light(module: nn.Module) -> bool:
  """Whether it reads hand-made features instead of vectors."""
  return isinstance(module, scoring.MODULES['light'])


def take(shortlist: types.Shortlist, queries: slice | np.ndarray,
         ) -> types.Shortlist:
  """The candidates of some queries."""
  return types.Shortlist(shortlist.rows[queries], shortlist.ranks[queries],
                         shortlist.similarities[queries])
