"""Every system's answer, against the searches and plain numpy."""

import dataclasses
import types as types_of_python

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import open_systems, systems
from pinpoint_jax.answer import stages as stage_lib
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import fusion, region_prior
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks, row_sets
import pytest

from tests.fixtures import tiny_gallery as tiny
from tests.fixtures import tiny_ranking

SIZES = shortlist.Sizes(4, 3, 2)
WEIGHTS = fusion.Fusion(5., 10., 2.)


@pytest.fixture(scope='module')
def searcher(tmp_path_factory):
  folder = tmp_path_factory.mktemp('g')
  stores = [tiny.make_store(folder / source, tiny.names(
      source, 45), source) for source in types.SOURCES]
  tiny.build(folder / 'g', stores)
  return search.Searcher(galleries.open_gallery(folder / 'g'))


def everything(searcher, *bounded):
  channels = {name: stage_lib.Channel(20, 12.)
              for name in systems.OF_CHANNEL}
  return systems.Answering(searcher, channels, {
      'retrieval': stage_lib.Stage(SIZES, stage_lib.Fused(WEIGHTS)),
      'mine': stage_lib.Stage(shortlist.Sizes(9, 0, 0), ByRow())},
                           bounded or [SIZES])


class ByRow:
  """Likes high rows, of those that the mask leaves."""

  def prepared(self, mask):
    return self

  def scores(self, queries, context, mask):
    rows = context.shortlist.rows
    assert len(queries) == len(rows) == len(mask)
    return np.where(rows < 0, -np.inf, rows / 10)


def queries(count=7, seed=1):
  rng = np.random.default_rng(seed)
  def unit(dim):
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
  return shortlist.Queries(unit(tiny.trained().model.dim),
                           unit(tiny.DIM))


def truth(count=7):
  rng = np.random.default_rng(5)
  return np.stack([rng.uniform(-80, 80, count),
                   rng.uniform(-180, 180, count)], axis=1)


def test_channels_answer_with_their_own_lists(searcher):
  asked, found = queries(), everything(searcher)
  lists = found.candidates(asked, masks.open_mask(7))
  for name, channel in systems.OF_CHANNEL.items():
    expected = searcher.search(channel, asked.of(channel), 20)
    np.testing.assert_array_equal(lists[name].rows, expected.rows)
    np.testing.assert_allclose(lists[name].scores, 12 * expected.scores,
                               rtol=1e-6)
  assert set(lists) == set(found.systems) - {'oracle@9'}


def test_stages_choose_among_the_searchers_shortlist(searcher):
  asked = queries()
  among = searcher.shortlist(asked, SIZES)
  found = everything(searcher).candidates(asked, masks.open_mask(7))
  for i, rows in enumerate(among.rows):
    real = rows >= 0
    logits = among.similarities[i, real] @ [5., 10., 2.]
    order = np.argsort(-logits, kind='stable')
    np.testing.assert_array_equal(
        found['retrieval'].rows[i, :real.sum()], rows[real][order])
    np.testing.assert_allclose(found['retrieval'].scores[i, :real.sum()],
                               logits[order], rtol=1e-5)
    assert (found['retrieval'].scores[i, real.sum():] == -np.inf).all()
  image = searcher.search('image', asked.z_image, 9).rows
  np.testing.assert_array_equal(found['mine'].rows,
                                np.sort(image, axis=1)[:, ::-1])


def test_the_oracle_takes_the_candidate_nearest_the_truth(searcher):
  asked, places = queries(), searcher.gallery.latlng_deg
  rows = searcher.shortlist(asked, SIZES).rows
  found = everything(searcher).answer(asked, masks.open_mask(7), truth())
  assert ('oracle@9', 'expected_score') not in found
  for i, one in enumerate(rows):
    real = one[one >= 0]
    dist_km = distance.haversine_km(places[real], truth()[i])
    assert found['oracle@9', 'argmax'].rows[i] == real[dist_km.argmin()]
  alone = everything(searcher, shortlist.Sizes(20, 0, 0)).answer(
      asked, masks.open_mask(7), truth())['oracle@20', 'argmax']
  image = searcher.search('image', asked.z_image, 20).rows
  best = distance.haversine_km(places[image], truth()[:, None]).min(axis=1)
  np.testing.assert_allclose(
      distance.haversine_km(alone.latlng_deg, truth()), best)


def test_there_is_an_oracle_for_each_distinct_list(searcher):
  same = shortlist.Sizes(4, 3, 2)
  assert list(systems.oracles([SIZES, shortlist.Sizes(8, 2, 2), same])) == [
      'oracle@9', 'oracle@12']
  assert list(systems.oracles([SIZES, shortlist.Sizes(3, 3, 3)])) == [
      'oracle@4+3+2', 'oracle@3+3+3']
  found = everything(searcher, SIZES, shortlist.Sizes(20, 0, 0)).answer(
      queries(), masks.open_mask(7), truth())
  assert {name for name, _ in found if '@' in name} == {'oracle@9',
                                                        'oracle@20'}


def test_places_are_those_of_the_rows_and_argmax_takes_the_first(searcher):
  asked, found = queries(), everything(searcher)
  lists = found.candidates(asked, masks.open_mask(7))
  for (name, decode), answers in found.answer(
      asked, masks.open_mask(7)).items():
    np.testing.assert_array_equal(
        answers.latlng_deg, searcher.gallery.latlng_deg[answers.rows])
    if decode == 'argmax':
      np.testing.assert_array_equal(answers.rows, lists[name].rows[:, 0])
    assert not answers.missing.any()


@pytest.mark.parametrize('interpolate', [False, True])
def test_answers_do_not_depend_on_the_batch(searcher, interpolate):
  asked, found = queries(28), everything(searcher)
  rng = np.random.default_rng(3)
  hidden = rng.random((28, 90)) < .3
  mask = masks.Mask(row_sets.from_counts(np.nonzero(hidden)[1],
                                         hidden.sum(axis=1)),
                    np.arange(0, 90, 9))
  whole = found.answer(asked, mask, truth(28), interpolate)
  for size in (1, 7):
    for start in range(0, 28, size):
      part = slice(start, start + size)
      some = found.answer(asked.take(part), mask.take(part), truth(28)[part],
                          interpolate)
      for key, answers in some.items():
        np.testing.assert_array_equal(answers.rows, whole[key].rows[part])
        np.testing.assert_array_equal(answers.latlng_deg,
                                      whole[key].latlng_deg[part])


def test_a_query_without_a_row_has_no_place(searcher):
  # Query 1 may not be answered by any row.
  counts = np.asarray([0, 90, 3])
  rows = np.concatenate([np.arange(90), [0, 1, 2]])
  mask = masks.Mask(row_sets.from_counts(rows, counts), np.zeros(0, np.int64))
  for answers in everything(searcher).answer(
      queries(3), mask, truth(3), True).values():
    assert answers.missing.tolist() == [False, True, False]
    assert np.isnan(answers.latlng_deg[1]).all()
    assert np.isfinite(answers.latlng_deg[[0, 2]]).all()
  nowhere = masks.Mask(row_sets.none(3), np.zeros(0, np.int64),
                       np.zeros(0, np.int64))
  for answers in everything(searcher).answer(queries(3), nowhere).values():
    assert answers.missing.all()


def test_a_region_with_one_row_answers_with_it(searcher):
  mask = masks.Mask(row_sets.none(7), np.zeros(0, np.int64), np.asarray([42]))
  for answers in everything(searcher).answer(queries(), mask).values():
    assert (answers.rows == 42).all()


def test_no_queries(searcher):
  for answers in everything(searcher).answer(
      queries(0), masks.open_mask(0), truth(0)).values():
    assert answers.latlng_deg.shape == (0, 2)


def test_ranked_keeps_the_order_of_equals_and_refuses_nan():
  rows = np.asarray([[5, 3, -1, 9], [-1, -1, -1, -1]])
  scores = np.asarray([[1., 1., 7., 2.], [0., 0., 0., 0.]])
  listed = stage_lib.ranked(rows, scores)
  assert listed.rows.tolist() == [[9, 5, 3, -1], [-1] * 4]
  assert listed.scores[0].tolist() == [2., 1., 1., -np.inf]
  scores[0, 1] = np.nan
  with pytest.raises(ValueError, match='1 candidates .* first of query 0'):
    stage_lib.ranked(rows, scores)


@pytest.mark.parametrize('bad', [(0, 1.), (5, 0.), (5, np.inf), (5, np.nan)])
def test_a_channel_needs_a_size_and_a_temperature(bad, searcher):
  with pytest.raises(ValueError, match='size is at least 1'):
    stage_lib.Channel(*bad)
  with pytest.raises(ValueError, match="\\['raw'\\]: choices are .*raw_1nn"):
    systems.Answering(searcher, {'raw': stage_lib.Channel(5, 1.)}, {})


def ranked_by(trained, task='photo', **stages):
  """Rerankers over a gallery of both sources; `best` is the one given."""
  ground = tiny_ranking.ground()
  ranker = reranking.Ranker(ground.reader, trained)
  return systems.Answering(
      ground.searcher, {}, stages | {
          'interaction': stage_lib.Stage(ranker.sizes, ranker)},
      reader=ground.reader, task=task, best='interaction')


def trained_with(head, **changes):
  """An interaction reranker whose head is so many times as large."""
  trained = tiny_ranking.trained('interaction', **changes)
  params = dict(trained.params)
  params['head'] = jax.tree.map(lambda x: head * x, params['head'])
  return dataclasses.replace(trained, params=params)


def effects(answering, num=28):
  mask = tiny_ranking.mask(tiny_ranking.ground().gallery, num)
  return answering.answer(tiny_ranking.queries(num), mask)


def test_full_is_the_best_reranker_and_linear_what_it_is_without_a_network():
  answering = ranked_by(trained_with(20., groups=('density', 'own')))
  assert answering.systems == ('interaction', 'full', 'linear')
  answers = effects(answering)
  for decode in ('argmax', 'expected_score'):
    full, linear = answers['full', decode], answers['linear', decode]
    np.testing.assert_array_equal(
        full.rows, answers['interaction', decode].rows)
    assert linear.effect is None
    np.testing.assert_array_equal(full.effect.changed,
                                  full.rows != linear.rows)
    assert 0 < full.effect.changed.mean() < 1
    assert (0 < full.effect.share).all() and (full.effect.share < 1).all()
  without = effects(ranked_by(trained_with(0., groups=('density', 'own'))))
  for decode in ('argmax', 'expected_score'):
    np.testing.assert_array_equal(without['full', decode].rows,
                                  answers['linear', decode].rows)


def test_a_zero_network_changes_nothing_and_has_no_share():
  effect = effects(ranked_by(trained_with(0.)))['full', 'argmax'].effect
  assert not effect.changed.any() and not effect.share.any()


def test_a_network_alone_has_the_whole_share_and_is_held_against_fusion():
  trained = trained_with(1., residual=False)
  sizes = shortlist.Sizes(**tiny_ranking.SIZES)
  fused = stage_lib.Stage(sizes, stage_lib.Fused(
      fusion.Fusion(**tiny_ranking.FUSION)))
  answers = effects(ranked_by(trained, retrieval=fused))
  full, retrieval = answers['full', 'argmax'], answers['retrieval', 'argmax']
  assert (full.effect.share == 1).all()
  np.testing.assert_array_equal(full.effect.changed,
                                full.rows != retrieval.rows)
  assert full.effect.changed.any()
  assert retrieval.effect is None


def test_shares_of_variance_by_hand():
  valid = np.array([[True] * 3, [True, True, False], [True] * 3, [False] * 3])
  linear = np.array([[0., 3, 6], [0, 2, -np.inf], [5, 5, 5], [-np.inf] * 3])
  network = np.array([[0., 1, 2], [1, 1, -np.inf], [5, 5, 5], [-np.inf] * 3])
  # Variances 2/3 and 6; 0 and 1; none.
  np.testing.assert_allclose(
      stage_lib.variance_share(linear, network, valid), [.1, 0, 0, 0])


def test_the_task_says_which_source_is_ones_own():
  trained = trained_with(1., groups=('own',))
  photo, street = (effects(ranked_by(trained, task))['linear', 'argmax']
                   for task in types.SOURCES)
  assert (photo.rows != street.rows).any()


def test_only_wanted_systems_answer():
  ground = tiny_ranking.ground()
  ranker = reranking.Ranker(ground.reader, tiny_ranking.trained('light'))
  stages = {'light': stage_lib.Stage(ranker.sizes, ranker)}
  for wanted, names in (((), {'light', 'full', 'linear', 'oracle@9'}),
                        (('linear', 'oracle'), {'linear', 'oracle@9'})):
    answering = systems.Answering(
        ground.searcher, {}, stages, [ranker.sizes], ground.reader, 'photo',
        'light', wanted)
    assert set(answering.systems) == names
    mask = masks.open_mask(7)
    answers = answering.prepared(mask).answer(
        tiny_ranking.queries(7), mask, truth())
    assert {name for name, _ in answers} == names


def test_a_reranker_without_a_reader_and_a_best_that_is_none_are_refused():
  ground = tiny_ranking.ground()
  ranker = reranking.Ranker(ground.reader, tiny_ranking.trained('light'))
  stages = {'light': stage_lib.Stage(ranker.sizes, ranker)}
  with pytest.raises(ValueError, match=r"\['light'\] need a reader"):
    systems.Answering(ground.searcher, {}, stages)
  with pytest.raises(ValueError, match=r"best='full': choices are \['light'\]"):
    systems.Answering(ground.searcher, {}, stages, reader=ground.reader,
                      best='full')


def region_answering(**changes):
  ground = tiny_ranking.ground()
  ranker = reranking.Ranker(
      ground.reader, tiny_ranking.with_region(**changes))
  plain = stage_lib.Stage(ranker.sizes, stage_lib.Fused(WEIGHTS))
  return systems.Answering(
      ground.searcher, {}, {
          'interaction': stage_lib.Stage(ranker.sizes, ranker),
          'retrieval': plain, 'region_prior': stage_lib.Stage(
              shortlist.Sizes(0, 0, 30), reranking.RegionPrior(
                  ranker, {'raw': 2., 'region_log_prior': .5}))},
      [ranker.sizes], ground.reader, 'photo', 'interaction'), ranker


def test_lists_by_region_are_the_rerankers_alone():
  answering, ranker = region_answering(order='region')
  assert 'oracle@9 by region' in answering.systems
  gallery, asked = tiny_ranking.ground().gallery, tiny_ranking.queries()
  mask = tiny_ranking.mask(gallery)
  places = tiny_ranking.photos('photo', 11, 'q').latlng_deg
  listed = answering.candidates(asked, mask, places)
  own = answering.proposed('interaction', asked, mask).rows
  plain = answering.proposed('retrieval', asked, mask).rows
  assert (np.sort(own) != np.sort(plain)).any()
  for name, rows in (('interaction', own), ('full', own), ('linear', own),
                     ('oracle@9 by region', own), ('retrieval', plain),
                     ('oracle@9', plain)):
    np.testing.assert_array_equal(np.sort(listed[name].rows), np.sort(rows))
  assert ranker.order and ('oracle@9 by region', 'expected_score') not in (
      answering.answer(asked, mask, places))


def test_rerankers_of_one_prior_share_lists_and_of_another_do_not():
  one, again = (region_answering(order='region')[1] for _ in range(2))
  assert one.order == again.order
  trained = tiny_ranking.with_region(order='region')
  other = dataclasses.replace(trained, priors={'region': {
      name: array + 1 for name, array in trained.priors['region'].items()}})
  ground = tiny_ranking.ground()
  assert reranking.Ranker(ground.reader, other).order != one.order
  plain = region_answering()[1]
  assert plain.order == '' and plain.depths() == tiny_ranking.SIZES


def test_region_prior_is_raw_similarity_and_the_head():
  answering, ranker = region_answering()
  gallery, asked = tiny_ranking.ground().gallery, tiny_ranking.queries()
  mask = tiny_ranking.mask(gallery)
  listed = answering.candidates(asked, mask)['region_prior']
  among = answering.proposed('region_prior', asked, mask)
  logs = region_prior.columns(
      tiny_ranking.region_priors()['region'], 'photo', asked.raw,
      gallery.latlng_deg[np.maximum(among.rows, 0)])[..., 0]
  scores = np.where(among.rows >= 0,
                    2 * among.similarities[..., 2] + .5 * logs, -np.inf)
  np.testing.assert_allclose(listed.scores, -np.sort(-scores, axis=1),
                             rtol=1e-5)
  assert ranker.reads_hubness is False


def test_a_rerankers_temperatures_are_those_of_the_channels():
  ground = tiny_ranking.ground()
  opened = types_of_python.SimpleNamespace(
      trained=types_of_python.SimpleNamespace(
          params={'log_temperature_photo': np.log(10.)}),
      searcher=ground.searcher, gallery=ground.gallery)
  settings = open_systems.Settings(0, 20., SIZES)
  temperatures = lambda rerankers: {
      name: channel.temperature for name, channel in
      open_systems.OpenGallery._channels(
          opened, 'photo', settings, rerankers).items()}
  assert temperatures({}) == pytest.approx(
      {'raw_1nn': 20., 'image_top1': 10., 'location_top1': 10.})
  trained = tiny_ranking.with_region(temperatures={'image': 37., 'raw': 51.})
  assert temperatures({'interaction': trained}) == pytest.approx(
      {'raw_1nn': 51., 'image_top1': 37., 'location_top1': 10.})
