"""What the rerankers read, against the gallery read row by row."""

import dataclasses

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import neighbours
from pinpoint_jax.models import rerank_inputs
from pinpoint_jax.rerank import inputs, light_features, nearby
from pinpoint_jax.search import masks
from pinpoint_jax.search import vectors as vectors_lib
import pytest

from tests.fixtures import tiny_ranking as tiny

GROUPS = ('other', 'density', 'own')


@pytest.fixture(scope='module', params=[1, 3])
def read(request):
  """Ground, queries, context; the gallery in one segment and in three."""
  ground, queries = tiny.ground(request.param), tiny.queries()
  mask = tiny.mask(ground.gallery)
  result = ground.searcher.shortlist(
      queries, shortlist.Sizes(**tiny.SIZES), mask)
  return ground, queries, ground.reader.context(
      queries, result, 'photo', mask), mask


def plain(ground, channel):
  return np.concatenate([part.block(0, len(part))
                         for part in ground.gallery.channel(channel)])


def test_vectors_are_those_of_the_candidates(read):
  ground, queries, context, _ = read
  result = ground.reader.inputs(queries, context, inputs.InputSpec(), ())
  rows, valid = context.shortlist.rows, context.valid
  assert valid.any() and not valid.all()
  for channel in types.CHANNELS:
    vectors = getattr(result, channel)
    assert vectors.dtype == np.float16  # As they are stored.
    np.testing.assert_array_equal(vectors[valid],
                                  plain(ground, channel)[rows[valid]])
    assert not vectors[~valid].any()
  for i, channel in enumerate(('image', 'raw')):
    rows = context.nearby.rows[:, :, i]
    near = rows >= 0
    assert near.any()
    np.testing.assert_array_equal(
        getattr(result.support, channel)[near],
        plain(ground, channel)[rows[near]])
    np.testing.assert_array_equal(
        getattr(result.support, f'{channel}_sims'),
        context.nearby.similarities[:, :, i])
  np.testing.assert_array_equal(result.query_raw, queries.raw)


def test_half_of_the_bytes_give_the_same_scores(read):
  ground, queries, context, _ = read
  module = tiny.model('interaction', use_support=True)
  given = ground.reader.inputs(queries, context, inputs.spec(module), ())
  wide = jax.tree.map(lambda x: x.astype(np.float32) if x.dtype == np.float16
                      else x, given)
  assert wide.raw.nbytes == 2 * given.raw.nbytes
  apply = jax.jit(module.apply)
  scores, want = (apply({'params': tiny.params(module)}, x)
                  for x in (given, wide))
  np.testing.assert_array_equal(scores, want)


def test_int8_rows_travel_as_they_are_read(read, monkeypatch):
  ground, queries, context, _ = read
  rows = vectors_lib.quantise(plain(ground, 'raw'))
  reader = inputs.Reader(ground.gallery, ground.neighbourhoods)
  monkeypatch.setitem(reader._vectors, 'raw', vectors_lib.Joined((rows,)))
  given = reader.inputs(queries, context, inputs.InputSpec(), ())
  assert (given.raw.dtype, given.image.dtype) == (np.float32, np.float16)


def test_support_speaks_from_the_other_source_and_never_for_the_hidden(read):
  ground, _, context, mask = read
  source, rows = ground.gallery.source, context.nearby.rows
  near = rows >= 0
  # The queries are photos, whatever the candidates are.
  assert (source[rows[near]] == types.SOURCES.index('street')).all()
  assert len(np.unique(source[context.shortlist.rows[context.valid]])) == 2
  assert not mask.hides(rows.reshape(len(rows), -1)).reshape(
      rows.shape)[near].any()


def test_segments_make_no_difference():
  mine, others = (tiny.ground(n) for n in (1, 3))
  result = []
  for ground in (mine, others):
    queries, mask = tiny.queries(), tiny.mask(ground.gallery)
    proposed = ground.searcher.shortlist(
        queries, shortlist.Sizes(**tiny.SIZES), mask)
    context = ground.reader.context(queries, proposed, 'photo', mask)
    result.append((
        ground.gallery.ids(proposed.rows[context.valid]).tolist(),
        ground.reader.inputs(queries, context, inputs.InputSpec(), GROUPS),
        context.columns(GROUPS), ground.reader.features(context)))
  assert result[0][0] == result[1][0]
  np.testing.assert_array_equal(result[0][1].meta, result[1][1].meta)
  np.testing.assert_array_equal(result[0][1].support.scalars,
                                result[1][1].support.scalars)
  for i in (2, 3):
    np.testing.assert_array_equal(result[0][i], result[1][i])


def test_shortlists_of_the_same_queries_are_looked_up_together(read):
  """Rows that two of them share, in other slots, beside some they do not."""
  ground, queries, context, mask = read
  whole = context.shortlist
  columns = dataclasses.astuple(whole)
  several = [types.Shortlist(*(x[:, slots] for x in columns))
             for slots in ([0, 1, 2, 5], [3, 2, 0], [-1], slice(None))]
  together = ground.reader.contexts(
      queries, several, 'photo', mask, with_hubness=True)
  assert len(together) == len(several)
  for found, one in zip(together, several):
    alone = ground.reader.context(queries, one, 'photo', mask,
                                  with_hubness=True)
    jax.tree.map(np.testing.assert_array_equal, dataclasses.asdict(found),
                 dataclasses.asdict(alone))
  bare, = ground.reader.contexts(queries, several[:1], 'photo', mask, False)
  assert bare.nearby is None and bare.hubness is None


def test_what_is_not_wanted_is_not_read(read):
  ground, queries, context, _ = read
  bare = dataclasses.replace(context, nearby=None)
  few = ground.reader.inputs(
      queries, bare, inputs.InputSpec(False, False, False), ())
  assert few.query_raw is few.location is few.raw is few.support is None
  assert few.meta.shape[-1] == len(rerank_inputs.META)
  with pytest.raises(ValueError, match='with_nearby=True'):
    ground.reader.inputs(queries, bare, inputs.InputSpec(), ())
  without_raw = ground.reader.inputs(
      queries, context, inputs.InputSpec(raw=False), ()).support
  assert without_raw.raw is without_raw.raw_sims is None


def test_columns_are_the_linear_parts_and_the_networks(read):
  ground, queries, context, _ = read
  columns = context.columns(GROUPS)
  assert columns.shape == (*context.valid.shape, 12)
  assert not columns[~context.valid].any() and columns[context.valid].any()
  num = len(nearby.OWN)
  np.testing.assert_array_equal(
      columns[..., :4], context.nearby.columns[..., num:])
  meta = ground.reader.inputs(
      queries, context, inputs.InputSpec(), GROUPS).meta
  # Density is there already, once.
  np.testing.assert_array_equal(meta[..., len(rerank_inputs.META):],
                                columns[..., [0, 1, 2, 3, 8, 9, 10, 11]])
  np.testing.assert_array_equal(
      meta[..., 9:len(rerank_inputs.META)], columns[..., 4:8])


def test_columns_that_were_not_looked_up_are_refused(read):
  context = dataclasses.replace(read[2], nearby=None)
  assert context.columns(('density',)).shape[-1] == 4
  with pytest.raises(ValueError, match=r"\['other', 'ridge'\], which were not"):
    context.columns(('density', 'ridge', 'other'))


def test_a_reader_says_what_has_to_be_looked_up():
  light, interaction = (tiny.model(kind) for kind in ('light', 'interaction'))
  assert not inputs.reads_nearby(light, ('density',))
  assert inputs.reads_nearby(light, ('density', 'own'))
  assert not inputs.reads_nearby(interaction.clone(use_support=False), ())
  assert inputs.reads_nearby(tiny.model('attention'), ())


def test_features_see_only_what_the_query_may(read):
  ground, queries, context, _ = read
  features = ground.reader.features(context)
  assert features.shape == (*context.valid.shape, len(light_features.FEATURES))
  bare = ground.reader.context(queries, context.shortlist, 'photo',
                               masks.open_mask(len(queries)))
  assert (bare.counts >= context.counts).all()
  assert (bare.counts > context.counts).any()


def test_neighbourhoods_of_another_gallery_are_refused(read):
  ground = read[0]
  short = neighbours.build(ground.gallery.latlng_deg[1:],
                           ground.gallery.source[1:])
  with pytest.raises(ValueError, match='179 neighbourhoods are not of'):
    inputs.Reader(ground.gallery, short)
