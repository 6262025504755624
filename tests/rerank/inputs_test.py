"""What the rerankers read, against the gallery read row by row."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.models import rerank_inputs
from pinpoint_jax.rerank import inputs, light_features
from pinpoint_jax.search import masks
import pytest

from tests.fixtures import tiny_ranking as tiny


@pytest.fixture(scope='module', params=[1, 3])
def read(request):
  """Ground, queries, context; the gallery in one segment and in three."""
  ground, queries = tiny.ground(request.param), tiny.queries()
  mask = tiny.mask(ground.gallery)
  result = ground.searcher.shortlist(
      queries, shortlist.Sizes(**tiny.SIZES), mask)
  return ground, queries, ground.reader.context(queries, result, mask), mask


def plain(ground, channel):
  return np.concatenate([part.block(0, len(part))
                         for part in ground.gallery.channel(channel)])


def test_vectors_are_those_of_the_candidates(read):
  ground, queries, context, _ = read
  result = ground.reader.inputs(queries, context, inputs.InputSpec())
  rows, valid = context.shortlist.rows, context.valid
  assert valid.any() and not valid.all()
  for channel in types.CHANNELS:
    vectors = getattr(result, channel)
    np.testing.assert_array_equal(vectors[valid],
                                  plain(ground, channel)[rows[valid]])
    assert not vectors[~valid].any()
  near = context.support.rows >= 0
  assert near.any()
  np.testing.assert_array_equal(
      result.support.image[near],
      plain(ground, 'image')[context.support.rows[near]])
  np.testing.assert_array_equal(result.query_raw, queries.raw)


def test_support_speaks_from_the_other_source_and_never_for_the_hidden(read):
  ground, _, context, mask = read
  source, rows = ground.gallery.source, context.support.rows
  near = rows >= 0
  other = np.broadcast_to(context.shortlist.rows[..., None], rows.shape)
  assert (source[rows[near]] != source[other[near]]).all()
  assert not mask.hides(rows.reshape(len(rows), -1)).reshape(
      rows.shape)[near].any()


def test_segments_make_no_difference():
  mine, others = (tiny.ground(n) for n in (1, 3))
  result = []
  for ground in (mine, others):
    queries, mask = tiny.queries(), tiny.mask(ground.gallery)
    proposed = ground.searcher.shortlist(
        queries, shortlist.Sizes(**tiny.SIZES), mask)
    context = ground.reader.context(queries, proposed, mask)
    result.append((
        ground.gallery.ids(proposed.rows[context.valid]).tolist(),
        ground.reader.inputs(queries, context, inputs.InputSpec()),
        ground.reader.features(context)))
  assert result[0][0] == result[1][0]
  np.testing.assert_array_equal(result[0][1].meta, result[1][1].meta)
  np.testing.assert_array_equal(result[0][1].support.scalars,
                                result[1][1].support.scalars)
  np.testing.assert_array_equal(result[0][2], result[1][2])


def test_what_is_not_wanted_is_not_read(read):
  ground, queries, context, _ = read
  few = ground.reader.inputs(queries, dataclasses.replace(
      context, support=None), inputs.InputSpec(False, False, False))
  assert few.query_raw is few.location is few.raw is few.support is None
  assert few.meta.shape[-1] == len(rerank_inputs.META)
  with pytest.raises(ValueError, match='with_support=True'):
    ground.reader.inputs(queries, dataclasses.replace(context, support=None),
                         inputs.InputSpec())


def test_features_see_only_what_the_query_may(read):
  ground, queries, context, _ = read
  features = ground.reader.features(context)
  assert features.shape == (*context.valid.shape, len(light_features.FEATURES))
  bare = ground.reader.context(queries, context.shortlist,
                               masks.open_mask(len(queries)))
  assert (bare.counts >= context.counts).all()
  assert (bare.counts > context.counts).any()


def test_neighbourhoods_of_another_gallery_are_refused(read):
  ground = read[0]
  short = neighbours.build(ground.gallery.latlng_deg[1:],
                           ground.gallery.source[1:])
  with pytest.raises(ValueError, match='179 neighbourhoods are not of'):
    inputs.Reader(ground.gallery, short)
