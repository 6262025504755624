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
from pinpoint_jax.rerank import files, inputs, priors, scoring
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks
import pytest

from tests.fixtures import tiny_ranking as tiny

KINDS = ('attention', 'interaction', 'light')
# Not a multiple of the Scorer's block.
NUM = 70


@dataclasses.dataclass(frozen=True)
class Asked:
  """Queries, a mask that hides their authors, and what they are to rank."""

  ground: tiny.Ground
  queries: shortlist.Queries
  context: inputs.Context
  mask: masks.Mask

  def scores(self, trained, prepared=False):
    ranker = reranking.Ranker(self.ground.reader, trained)
    if prepared:
      ranker = ranker.prepared(self.mask)
    return ranker.scores(self.queries, self.context, self.mask)


@pytest.fixture(scope='module')
def asked():
  ground, queries = tiny.ground(3), tiny.queries(NUM)
  mask = tiny.mask(ground.gallery, NUM)
  among = ground.searcher.shortlist(
      queries, shortlist.Sizes(**tiny.SIZES), mask)
  return Asked(ground, queries, ground.reader.context(
      queries, among, 'photo', mask), mask)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('residual', [True, False])
def test_scores_are_the_networks_and_the_linear_parts_sum(
    asked, kind, residual):
  groups = ('density', 'own')
  trained = tiny.trained(kind, residual, groups)
  ranker = reranking.Ranker(asked.ground.reader, trained)
  linear, network = ranker.parts(asked.queries, asked.context, asked.mask)
  reader, real = asked.ground.reader, asked.context.valid
  arguments = ((reader.features(asked.context), real) if kind == 'light' else
               (reader.inputs(asked.queries, asked.context,
                              inputs.spec(trained.model), groups),))
  alone = np.asarray(jax.jit(trained.model.apply)(
      {'params': trained.params}, *arguments))
  np.testing.assert_allclose(network, alone, rtol=2e-5, atol=2e-5)
  similarities = asked.context.shortlist.similarities
  expected = similarities @ [tiny.FUSION[name] for name in types.CHANNELS]
  expected += asked.context.columns(groups) @ (.1 * np.arange(1, 9))
  np.testing.assert_allclose(
      linear, np.where(real, expected if residual else 0., -np.inf),
      rtol=2e-5, atol=2e-5)
  assert ranker.has_linear_part == residual
  np.testing.assert_array_equal(ranker.scores(
      asked.queries, asked.context, asked.mask), linear + network)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('groups', [(), ('other', 'ridge')])
def test_scores_do_not_depend_on_company_or_order(asked, kind, groups):
  rows = np.flatnonzero(asked.ground.gallery.source == 0)
  ranker = reranking.Ranker(asked.ground.reader, tiny.with_ridge(
      asked.ground, rows, kind, groups) if 'ridge' in groups else
                            tiny.trained(kind, groups=groups)).prepared(
                                asked.mask)
  def parts(at):
    return ranker.parts(asked.queries.take(at), inputs.take(asked.context, at),
                        asked.mask.take(at))
  whole = parts(slice(NUM))
  assert np.isfinite(whole.network).any() and np.isneginf(whole.network).any()
  for size in (1, 7, 64):
    blocks = [parts(slice(i, i + size)) for i in range(0, NUM, size)]
    for name, expected in whole._asdict().items():
      assert np.concatenate([getattr(block, name) for block in blocks]
                            ).tobytes() == expected.tobytes()
  order = np.random.default_rng(0).permutation(NUM)
  for shuffled, expected in zip(parts(order), whole):
    assert shuffled.tobytes() == expected[order].tobytes()


def test_a_query_without_candidates_has_no_score(asked):
  among = asked.context.shortlist
  empty = types.Shortlist(np.full_like(among.rows, -1),
                          np.full_like(among.ranks, -1),
                          np.full_like(among.similarities, -np.inf))
  context = asked.ground.reader.context(
      asked.queries, empty, 'photo', asked.mask)
  for kind in KINDS:
    scores = dataclasses.replace(asked, context=context).scores(
        tiny.trained(kind, groups=('own', 'other')))
    assert np.isneginf(scores).all()


def test_no_queries_have_no_scores(asked):
  none = slice(0)
  for kind in KINDS:
    parts = reranking.Ranker(asked.ground.reader, tiny.trained(kind)).parts(
        asked.queries.take(none), inputs.take(asked.context, none),
        asked.mask.take(none))
    for part in parts:
      assert part.shape == (0, asked.context.valid.shape[1])


def test_it_says_what_it_reads(asked):
  light, network = (reranking.Ranker(asked.ground.reader, tiny.trained(
      kind, groups=groups)) for kind, groups in (
          ('light', ('density',)), ('interaction', ('own',))))
  assert light.sizes == shortlist.Sizes(**tiny.SIZES)
  assert not light.reads_nearby and network.reads_nearby
  assert light.fused.as_dict() == tiny.FUSION


def test_a_gallery_of_another_embedder_is_refused(asked):
  trained = dataclasses.replace(
      tiny.trained(), info=tiny.info(embedder='dead'))
  with pytest.raises(ValueError,
                     match='embedder dead, .*/g was built by embedder feed'):
    reranking.Ranker(asked.ground.reader, trained)


def test_a_gallery_without_its_raw_features_is_refused(asked):
  trained = dataclasses.replace(tiny.trained(groups=('own',)), info=tiny.info(
      ('own',), dims=scoring.Dims(8, 768, 4)))
  with pytest.raises(ValueError, match='raw features of 768 numbers, those of '
                     '.*/g have 6 .*--config.raw=float16'):
    reranking.Ranker(asked.ground.reader, trained)


@pytest.mark.parametrize('kind', KINDS)
def test_no_hidden_row_speaks_through_a_prior(asked, kind):
  """A gallery row asks its own gallery; its author's rows are hidden."""
  gallery = asked.ground.gallery
  photo_rows = np.flatnonzero(gallery.source == 0)
  trained = tiny.with_ridge(asked.ground, photo_rows, kind)
  with pytest.raises(ValueError, match='hidden from a query: call prepared'):
    asked.scores(trained)
  apart = np.setdiff1d(photo_rows, asked.mask.excluded.rows)
  assert 2 <= len(apart) < len(photo_rows)
  expected = asked.scores(tiny.with_ridge(asked.ground, apart, kind))
  np.testing.assert_array_equal(
      asked.scores(trained, prepared=True), expected)
  # Of the same context, under no mask: the hidden rows did matter.
  ranker = reranking.Ranker(asked.ground.reader, trained)
  everyone = masks.open_mask(NUM)
  unmasked = ranker.scores(asked.queries, asked.context, everyone)
  assert (expected != unmasked).any()
  assert ranker.prepared(everyone) is ranker


def test_rerankers_share_what_was_fitted_again(asked, monkeypatch):
  fits, fit = [], priors.fit
  monkeypatch.setattr(
      priors, 'fit', lambda *args: fits.append(len(args[1])) or fit(*args))
  refits = reranking.Refits(asked.ground.reader)
  rows = np.flatnonzero(asked.ground.gallery.source == 0)
  rankers = [reranking.Ranker(asked.ground.reader, tiny.with_ridge(
      asked.ground, rows, kind), refits) for kind in KINDS]
  fits.clear()
  for ranker in rankers:
    ranker.prepared(asked.mask)
  assert len(fits) == 1
  rankers[0].prepared(asked.mask.take(slice(4)))
  assert len(fits) == 2, 'other queries, other rows'


def test_deleted_rows_leave_the_prior(tmp_path, asked):
  trained = tiny.with_ridge(asked.ground, np.flatnonzero(
      asked.ground.gallery.source == 0))
  shutil.copytree(asked.ground.gallery.path, tmp_path / 'g')
  everyone = masks.open_mask(NUM)
  for finish in (lambda path: None, update.compact):
    live = galleries.open_gallery(tmp_path / 'g')
    if not len(live.removed):
      update.remove(tmp_path / 'g', live.ids(np.flatnonzero(
          live.source == 0)[:20]))
    finish(tmp_path / 'g')
    now = _asked_of(galleries.open_gallery(tmp_path / 'g'), asked.queries,
                    everyone)
    with pytest.raises(ValueError, match='that are deleted or hidden'):
      now.scores(trained)
    gallery = now.ground.gallery
    rows = np.setdiff1d(np.flatnonzero(gallery.source == 0), gallery.removed)
    np.testing.assert_array_equal(
        now.scores(trained, prepared=True),
        now.scores(tiny.with_ridge(now.ground, rows)))


def _asked_of(gallery, queries, mask):
  searcher, around = search.Searcher(gallery), neighbours.load_or_build(gallery)
  ground = tiny.Ground(gallery, searcher, around,
                       inputs.Reader(gallery, around))
  among = searcher.shortlist(queries, shortlist.Sizes(**tiny.SIZES))
  return Asked(ground, queries, ground.reader.context(
      queries, among, 'photo', mask), mask)


def test_a_reranker_without_priors_is_always_prepared(asked):
  trained = tiny.trained('interaction')
  assert trained.info.fitted_ids == () and isinstance(trained, files.Trained)
  ranker = reranking.Ranker(asked.ground.reader, trained)
  assert ranker.prepared(asked.mask) is ranker
