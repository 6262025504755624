"""Claims of place: p-values that hold, verdicts that say no more than that."""

import dataclasses
import json

import numpy as np
import pinpoint_jax as pj
from pinpoint_jax import types
from pinpoint_jax.answer import claim_columns, claim_reader, claims
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import writer as writers
from pinpoint_jax.geo import distance
import pytest

from tests.fixtures import tiny_gallery as tiny
from tests.fixtures import tiny_model

PLACE, NUM = (10.1, 20.2), 12


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
  return tiny_model.make(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='module')
def opened(paths):
  return pj.Pinpoint.load(paths.model, paths.gallery)


@pytest.fixture(scope='module')
def store(tmp_path_factory):
  return pj.open_store(tiny.make_store(
      tmp_path_factory.mktemp('few') / 'q', tiny_model.near('p', NUM)))


@pytest.fixture(scope='module')
def verdicts(opened, store):
  return opened.verify_claim(store, store.photos.latlng_deg, task='photo')


def test_a_verdict_says_all_that_it_promises(opened, store, verdicts):
  answers = opened.predict(store, task='photo')
  calibrated = opened._judge.calibration('photo')
  places = opened._answerer.opened.gallery.latlng_deg
  assert [v.answer.as_dict() for v in verdicts] == [
      a.as_dict() for a in answers]
  for verdict, place in zip(verdicts, store.photos.latlng_deg):
    here = np.asarray(verdict.latlng_deg)
    assert verdict.latlng_deg == tuple(place.tolist())
    assert calibrated.least_p <= verdict.p_value <= 1 and verdict.level == .05
    assert verdict.word == (
        'unjudged' if not verdict.num_near else
        'doubtful' if verdict.p_value <= .05 else 'consistent')
    assert set(verdict.parts) == {'answer', 'image', 'location', 'raw',
                                  'region'}
    assert 0 <= verdict.fitting_share <= 1
    assert verdict.dist_km == pytest.approx(float(distance.haversine_km(
        here, np.asarray(verdict.answer.latlng_deg))))
    assert bool(verdict.supporting) == bool(
        (distance.haversine_km(places, here) <= 25).any())
    for row in verdict.supporting:
      assert row.dist_km <= 25
      assert row.dist_km == pytest.approx(float(distance.haversine_km(
          here, np.asarray(row.latlng_deg))))
    for row in verdict.alternatives:
      assert distance.haversine_km(here, np.asarray(row.latlng_deg)) > 25
  json.dumps([v.as_dict() for v in verdicts], allow_nan=False)


def test_parts_and_the_constant_are_the_statistic(opened, verdicts):
  constant = float(opened._judge.calibration('photo').weights[-1])
  for verdict in verdicts[:5]:
    assert sum(verdict.parts.values()) + constant == pytest.approx(
        verdict.statistic, abs=1e-4)


def test_one_by_one_is_as_all_at_once(opened, store, verdicts):
  places = store.photos.latlng_deg
  rows = [7, 3, 11, 3]
  single = [next(opened.stream_claims(store, places[[row]], task='photo',
                                      rows=[row])) for row in rows]
  assert [v.as_dict() for v in single] == [
      verdicts[row].as_dict() for row in rows]


def test_rows_at_the_place_are_shown(opened, store):
  gallery = opened._answerer.opened.gallery
  verdict = next(opened.stream_claims(store, gallery.latlng_deg[5:6],
                                      task='photo', rows=[0]))
  assert verdict.num_near and verdict.word != 'unjudged'
  assert str(gallery.ids(np.asarray([5]))[0]) in {
      row.id for row in verdict.supporting}


def test_where_the_gallery_has_nothing_it_does_not_judge(opened, store):
  gallery = opened._answerer.opened.gallery
  lonely = np.asarray([-89., 0.])
  assert distance.haversine_km(gallery.latlng_deg, lonely).min() > 200
  verdict = next(opened.stream_claims(store, lonely[None], task='photo',
                                      rows=[0]))
  assert verdict.word == 'unjudged' and verdict.num_near == 0
  assert any('outside the gallery' in text for text in verdict.warnings)


def test_names_of_one_place_have_one_verdict(opened, store):
  def words(place):
    return [(v.p_value, v.statistic) for v in opened.stream_claims(
        store, np.tile(place, (4, 1)), task='photo', rows=range(4))]
  assert words((12., 180.)) == words((12., -180.))
  assert words((90., 0.)) == words((90., 77.)) and words((-90., 5.))


@pytest.mark.parametrize('place, text', [
    ((120., 30.), 'swapped'), ((np.nan, 3.), 'not finite'),
    ((91., 181.), 'latitude outside'), ((0., 0.), 'failed geotagging'),
    ((np.inf, 3.), 'not finite')])
def test_what_is_no_place_is_refused_by_its_row(opened, store, place, text):
  places = np.tile(PLACE, (NUM, 1))
  places[7] = place
  # All in range when exchanged, or nothing would look swapped.
  if text == 'swapped':
    places[:] = (120., 30.)
  with pytest.raises(ValueError, match=text) as refusal:
    opened.verify_claim(store, places, task='photo')
  assert 'row' in str(refusal.value)


def test_what_is_wrong_is_refused_before_any_photo(opened, store):
  places = np.tile(PLACE, (NUM, 1))
  for options, text in (({'level': 0.}, 'level=0.0'),
                        ({'level': 1.5}, 'level=1.5'),
                        ({'level': 1e-4}, 'no p-value is below'),
                        ({'task': 'drone'}, "task 'drone'")):
    with pytest.raises(ValueError, match=text):
      opened.verify_claim(store, places, **{'task': 'photo'} | options)
  with pytest.raises(ValueError, match='11 places for 12 photos'):
    opened.verify_claim(store, places[1:], task='photo')
  with pytest.raises(TypeError, match='put one into a list'):
    opened.verify_claim('a.jpg', [PLACE])
  with pytest.raises(ValueError, match='pair of numbers'):
    claims.checked_places([('52,1', '3')])


def test_an_older_model_is_refused_in_one_line(paths, store):
  loaded = models.load(paths.model)
  old = dataclasses.replace(loaded, calibration={
      'photo': dataclasses.replace(loaded.calibration['photo'], claims=None)})
  with pytest.raises(ValueError, match='cannot judge claims') as refusal:
    pj.Pinpoint(old, paths.gallery).verify_claim(
        store, store.photos.latlng_deg, task='photo')
  assert '\n' not in str(refusal.value) and 'export' in str(refusal.value)
  with pytest.raises(ValueError, match='cannot judge claims about street'):
    pj.Pinpoint(loaded, paths.gallery).verify_claim(
        store, store.photos.latlng_deg)


def test_a_calibration_of_other_channels_is_refused(paths, store):
  loaded = models.load(paths.model)
  part = loaded.calibration['photo']
  other = dataclasses.replace(part.claims, known=np.asarray(
      [1, 1, 0, 1], np.float32))
  model = dataclasses.replace(loaded, calibration={
      'photo': dataclasses.replace(part, claims=other)})
  with pytest.raises(ValueError, match='image, location, region, this one has '
                                       'image, location, raw'):
    pj.Pinpoint(model, paths.gallery).verify_claim(
        store, store.photos.latlng_deg, task='photo')


def test_a_zero_feature_is_unjudged_and_disturbs_nobody(opened, store,
                                                        verdicts):
  features = np.array(store.rows(np.arange(3)))
  features[1] = 0
  result = opened._judge.verdicts(
      'photo', store.photos.ids[:3].tolist(), features,
      store.photos.latlng_deg[:3], .05)
  assert result[1].word == 'unjudged' and result[1].p_value is None
  assert 'no feature' in result[1].warnings[0]
  assert result[2].as_dict() == verdicts[2].as_dict()


def test_likeness_near_a_place_by_hand(opened, store, paths):
  """log of mean odds within a radius, less that of all rows."""
  answering = opened._answerer
  reader = claim_reader.Reader(answering)
  gallery = answering.opened.gallery
  place = gallery.latlng_deg[5]
  writer, _ = writers.of_features(
      answering, 'photo', store.rows(np.arange(1)), answering.request())
  parts = reader.parts('photo', writer.queries, writer.scored,
                       [[reader.pool(place)]], writer.mask)
  raw = np.concatenate([part.take(slice(None))
                        for part in gallery.channel('raw')])
  odds = 20. * raw.astype(np.float64) @ writer.queries.raw[0]
  dist_km = distance.haversine_km(gallery.latlng_deg, place)
  mean = lambda some: np.log(np.exp(odds[some]).mean())
  channel = claim_columns.CHANNELS.index('raw')
  for i, km in enumerate(claim_columns.RADII_KM):
    assert parts.alike[0, 0, channel, i] == pytest.approx(
        mean(dist_km <= km) - mean(dist_km >= 0), abs=1e-4)
  shares = np.exp(writer.scored.candidates.scores[0].astype(np.float64))
  near = distance.haversine_km(writer.scored.latlng_deg[0], place) <= 2500
  assert parts.mass[0, 0, -1] == pytest.approx(
      (shares * near).sum() / shares.sum())


def test_rows_hidden_from_a_photo_do_not_speak(opened, store):
  answering = opened._answerer
  reader = claim_reader.Reader(answering)
  gallery = answering.opened.gallery
  writer, _ = writers.of_features(
      answering, 'photo', store.rows(np.arange(1)), answering.request())
  pool = reader.pool(gallery.latlng_deg[5])
  def alike(mask):
    return reader.parts('photo', writer.queries, writer.scored, [[pool]],
                        mask).alike[0, 0, 2]
  hidden = dataclasses.replace(writer.mask, excluded=types.RowSets(
      pool.rows, np.asarray([0, len(pool.rows)])))
  assert not np.array_equal(alike(writer.mask), alike(hidden))
  # Where nothing near is left, the next radius speaks.
  assert alike(hidden)[0] == alike(hidden)[1] == alike(hidden)[2]


def test_a_place_is_a_place_wherever_its_rows_lie(opened):
  reader = claim_reader.Reader(opened._answerer)
  gallery = opened._answerer.opened.gallery
  for place in ([0.1, 179.9], [89.9, 0.], [-60., -179.99]):
    pool = reader.pool(np.asarray(place))
    dist_km = distance.haversine_km(gallery.latlng_deg, np.asarray(place))
    assert pool.num_near == (dist_km <= 200).sum()
    assert len(pool.far[1]) == (dist_km <= 2500).sum()
    assert set(pool.rows) == set(np.flatnonzero(dist_km <= 200))
