"""What the rerankers alone take, of a list that is there."""

import functools

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.models import transformer
from pinpoint_jax.rerank import files, inputs, scoring
from pinpoint_jax.search import masks

from benchmarks import answer_models
from benchmarks.answer_ground import MANY, Ground
from benchmarks.clocks import a_query, quantiles, seconds_of

_BATCH = 64


def made(ground: Ground, trained: files.Trained,
         queries: shortlist.Queries) -> tuple[inputs.Context, scoring.Batch]:
  """A shortlist with what lies around it, and what the network reads."""
  result = ground.search_for(trained).shortlist(
      queries, shortlist.Sizes(**trained.info.sizes))
  context = context_of(ground, trained, queries, result)
  return context, ground.reader.batch(
      trained.model, queries, context, trained.info.columns)


def context_of(ground: Ground, trained: files.Trained,
               queries: shortlist.Queries,
               among: types.Shortlist) -> inputs.Context:
  """What lies around the candidates, as far as that reranker reads it."""
  return ground.reader.context(
      queries, among, trained.info.task, masks.open_mask(len(queries)),
      inputs.reads_nearby(trained.model, trained.info.columns))


def scores_of(ground: Ground, trained: files.Trained,
              queries: shortlist.Queries, among: types.Shortlist) -> np.ndarray:
  """Scores of a shortlist, with all that has to be looked up for them."""
  return ground.ranker(trained).scores(
      queries, context_of(ground, trained, queries, among),
      masks.open_mask(len(queries)))


def of_12(ground: Ground, arg: str | None) -> dict:
  """The attention reranker: one query, and 1,000 queries 64 at a time.

  `network` has its arrays in memory, `ranker` looks up counts, support and
  vectors first; `together` is the network on a batch at once, which the
  project does not do, as a score would depend on its company.
  """
  trained = answer_models.reranker(arg)
  queries = ground.many(MANY)
  context, batch = made(ground, trained, queries)
  scorer = scoring.Scorer(trained.model, trained.info.weights)
  params, result = jax.device_put(trained.params), context.shortlist
  scores = functools.partial(scores_of, ground, trained)
  at_once = jax.jit(lambda params, batch: scoring.scores(
      trained.model, params, batch,
      scoring.tile_weights(trained.info.weights, len(batch.valid))),
                    compiler_options=transformer.compiler_options())
  cut = lambda at: jax.tree.map(lambda x: x[at], batch)
  parts = [slice(i, i + _BATCH) for i in range(0, MANY, _BATCH)]
  for at in (parts[0], parts[-1]):
    at_once(params, cut(at))
  return dict(
      width=trained.model.width, layers=trained.model.num_layers,
      one_network=quantiles(lambda i: scorer(params, cut(slice(i, i + 1)))),
      one_ranker=quantiles(lambda i: scores(
          queries.take(slice(i, i + 1)), _take(result, slice(i, i + 1)))),
      many_network=seconds_of(lambda: [
          scorer(params, cut(at)) for at in parts]),
      many_ranker=seconds_of(lambda: scores(queries, result)),
      many_together=seconds_of(lambda: [
          np.asarray(at_once(params, cut(at))) for at in parts]))


def light_of_768(ground: Ground) -> dict:
  """The light reranker over long lists: ms a query, and where they go."""
  trained = answer_models.reranker('kind=light')
  queries = ground.many(_BATCH)
  whole, batch = made(ground, trained, queries)
  result, params = whole.shortlist, jax.device_put(trained.params)
  scorer = scoring.Scorer(trained.model, trained.info.weights)
  scores = functools.partial(scores_of, ground, trained)
  def part(i):
    at = slice(i % _BATCH, i % _BATCH + 1)
    return at, queries.take(at), _take(result, at)
  def context(i):
    return context_of(ground, trained, *part(i)[1:])
  contexts = [context(i) for i in range(_BATCH)]
  return dict(
      candidates=float((result.rows >= 0).sum(axis=1).mean()),
      one=quantiles(lambda i: scores(*part(i)[1:])),
      batch_64=a_query(seconds_of(lambda: scores(queries, result)),
                       _BATCH),
      one_counts=quantiles(context),
      one_features=quantiles(
          lambda i: ground.reader.features(contexts[i % _BATCH])),
      one_network=quantiles(lambda i: scorer(params, jax.tree.map(
          lambda x: x[part(i)[0]], batch))))


def _take(among: types.Shortlist, at: slice) -> types.Shortlist:
  return types.Shortlist(
      among.rows[at], among.ranks[at], among.similarities[at])
