"""Scores of trained rerankers: the module's own, whatever the batch."""

import dataclasses
import shutil

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import neighbours, update
from pinpoint_jax.rerank import geo_prior, inputs
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks
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
  ground, queries, result, mask = asked
  trained = tiny.trained(kind, residual)
  scores = ranker(ground, trained).scores(queries, result, mask)
  context = ground.reader.context(queries, result, mask)
  given = ((ground.reader.features(context), context.valid) if kind == 'light'
           else (ground.reader.inputs(queries, context,
                                      inputs.InputSpec()),))
  alone = np.asarray(jax.jit(trained.model.apply)(
      {'params': trained.params}, *given))
  real = result.rows >= 0
  sims = np.where(real[..., None], result.similarities, 0.)
  fused = sims @ [tiny.FUSION[name] for name in types.CHANNELS]
  want = np.where(real, alone + (fused if residual else 0.), -np.inf)
  np.testing.assert_allclose(scores, want, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_scores_do_not_depend_on_the_batch(asked, kind):
  ground, queries, result, mask = asked
  one = ranker(ground, tiny.trained(kind))
  whole = one.scores(queries, result, mask)
  assert np.isfinite(whole).any() and np.isneginf(whole).any()
  for size in (1, 7):
    parts = [one.scores(queries.take(at), reranking.take(result, at),
                        mask.take(at)) for at in (
                            slice(i, i + size) for i in range(0, 64, size))]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_a_query_without_candidates_has_no_score(asked):
  ground, queries, result, mask = asked
  empty = types.Shortlist(np.full_like(result.rows, -1),
                          np.full_like(result.ranks, -1),
                          np.full_like(result.similarities, -np.inf))
  for kind in KINDS:
    scores = ranker(ground, tiny.trained(kind)).scores(queries, empty, mask)
    assert np.isneginf(scores).all()


def test_it_says_what_it_was_trained_on(asked):
  one = ranker(asked[0], tiny.trained('light'))
  assert one.sizes == shortlist.Sizes(**tiny.SIZES)


def test_a_gallery_of_another_embedder_is_refused(asked):
  trained = dataclasses.replace(
      tiny.trained(), info=tiny.info(embedder='dead'))
  with pytest.raises(ValueError,
                     match='embedder dead, .*/g was built by embedder feed'):
    ranker(asked[0], trained)


def with_prior(ground, rows):
  """A light reranker whose prior was fitted on those rows."""
  settings = geo_prior.Settings(5, 4)
  names = (*types.CHANNELS, *geo_prior.COLUMNS)
  info = tiny.info(prior={
      'centres': 5, 'anchors': 4, 'ids': ground.gallery.ids(rows).tolist(),
      'weights': dict.fromkeys(names, 2.)})
  return dataclasses.replace(
      tiny.trained('light'), info=info,
      prior=geo_prior.fit_rows(ground.gallery, rows, settings))


def test_no_hidden_row_speaks_through_the_prior(asked):
  """A gallery row asks its own gallery; its author's rows are hidden."""
  ground, queries, result, mask = asked
  photo_rows = np.flatnonzero(ground.gallery.source == 0)
  stored = ranker(ground, with_prior(ground, photo_rows))
  with pytest.raises(ValueError, match='hidden from a query: call prepared'):
    stored.scores(queries, result, mask)
  apart = np.setdiff1d(photo_rows, mask.excluded.rows)
  assert 2 <= len(apart) < len(photo_rows)
  want = ranker(ground, with_prior(ground, apart)).scores(queries, result, mask)
  got = stored.prepared(mask).scores(queries, result, mask)
  np.testing.assert_array_equal(got, want)
  unmasked = stored.scores(queries, result)
  assert (got != unmasked).any(), 'the hidden rows did matter'
  assert stored.prepared(masks.open_mask(64)) is stored


def test_deleted_rows_leave_the_prior(tmp_path, asked):
  old, queries, result, _ = asked
  trained = with_prior(old, np.flatnonzero(old.gallery.source == 0))
  shutil.copytree(old.gallery.path, tmp_path / 'g')
  mask = masks.open_mask(64)
  for finish in (lambda path: None, update.compact):
    live = galleries.open_gallery(tmp_path / 'g')
    if not len(live.removed):
      update.remove(tmp_path / 'g', live.ids(np.flatnonzero(
          live.source == 0)[:20]))
    finish(tmp_path / 'g')
    gallery = galleries.open_gallery(tmp_path / 'g')
    searcher = search.Searcher(gallery)
    around = neighbours.load_or_build(gallery)
    one = reranking.Ranker(searcher, around, trained)
    among = searcher.shortlist(queries, shortlist.Sizes(**tiny.SIZES))
    with pytest.raises(ValueError, match='that are deleted or hidden'):
      one.scores(queries, among)
    ground = tiny.Ground(gallery, searcher, around, None)
    rows = np.setdiff1d(np.flatnonzero(gallery.source == 0), gallery.removed)
    np.testing.assert_array_equal(
        one.prepared(mask).scores(queries, among),
        ranker(ground, with_prior(ground, rows)).scores(queries, among))
