"""Scores of trained rerankers: the module's own, whatever the batch."""

import dataclasses

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.rerank import files, fusion, inputs
from pinpoint_jax.rerank import ranker as reranking
import pytest

from tests.fixtures import tiny_ranking as tiny

KINDS = ('attention', 'light')


@pytest.fixture(scope='module')
def asked():
  ground, queries = tiny.ground(3), tiny.queries(64)
  mask = tiny.mask(ground.gallery, 64)
  return ground, queries, ground.searcher.shortlist(
      queries, shortlist.Sizes(**tiny.SIZES), mask), mask


def ranker(ground, trained):
  return reranking.Ranker(ground.searcher, ground.neighbourhoods, trained)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('residual', [True, False])
def test_scores_are_the_modules_and_the_fusions_sum(asked, kind, residual):
  ground, queries, found, mask = asked
  trained = tiny.trained(kind, residual)
  scores = ranker(ground, trained).scores(queries, found, mask)
  context = ground.reader.context(queries, found, mask)
  given = ((ground.reader.features(context), context.valid) if kind == 'light'
           else (ground.reader.inputs(queries, context,
                                      inputs.InputSpec()),))
  alone = np.asarray(jax.jit(trained.model.apply)(
      {'params': trained.params}, *given))
  real = found.rows >= 0
  sims = np.where(real[..., None], found.similarities, 0.)
  fused = sims @ [tiny.FUSION[name] for name in types.CHANNELS]
  want = np.where(real, alone + (fused if residual else 0.), -np.inf)
  np.testing.assert_allclose(scores, want, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_scores_do_not_depend_on_the_batch(asked, kind):
  ground, queries, found, mask = asked
  one = ranker(ground, tiny.trained(kind))
  whole = one.scores(queries, found, mask)
  assert np.isfinite(whole).any() and np.isneginf(whole).any()
  for size in (1, 7):
    parts = [one.scores(queries.take(at), reranking.take(found, at),
                        mask.take(at)) for at in (
                            slice(i, i + size) for i in range(0, 64, size))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_fusion_ranks_as_itself(asked):
  ground, queries, found, mask = asked
  weights = fusion.Fusion(3., 2., 1.)
  one = ranker(ground, weights)
  assert (one.kind, one.sizes) == ('retrieval', None)
  np.testing.assert_array_equal(one.scores(queries, found, mask),
                                weights.logits(found))


def test_a_query_without_candidates_has_no_score(asked):
  ground, queries, found, mask = asked
  empty = types.Shortlist(np.full_like(found.rows, -1),
                          np.full_like(found.ranks, -1),
                          np.full_like(found.similarities, -np.inf))
  for kind in KINDS:
    scores = ranker(ground, tiny.trained(kind)).scores(queries, empty, mask)
    assert np.isneginf(scores).all()


def test_it_says_what_it_was_trained_on(asked):
  one = ranker(asked[0], tiny.trained('light'))
  assert one.kind == 'light' and one.sizes == shortlist.Sizes(**tiny.SIZES)


def test_a_gallery_of_another_embedder_is_refused(asked):
  trained = dataclasses.replace(
      tiny.trained(), info=tiny.info(embedder='dead'))
  with pytest.raises(files.OtherGallery,
                     match='embedder dead, .*/g was built by embedder feed'):
    ranker(asked[0], trained)
