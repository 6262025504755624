"""Answers of a whole model: complete, alike in any batch, honest when none."""

import dataclasses
import io
import json
import math

import numpy as np
from PIL import Image
import pinpoint_jax as pj
from pinpoint_jax.answer import coarse, records, signals
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import writer as writers
from pinpoint_jax.features import backbones
from pinpoint_jax.geo import distance
import pytest

from tests.fixtures import seeing as seeing_lib
from tests.fixtures import tiny_gallery as tiny
from tests.fixtures import tiny_model


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
  return tiny_model.make(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='module')
def opened(paths):
  return pj.Pinpoint.load(paths.model, paths.gallery)


@pytest.fixture(scope='module')
def answers(opened, paths):
  return opened.predict(pj.open_store(paths.photo), task='photo')


def test_an_answer_is_the_first_candidate_and_all_of_it_is_there(
    opened, paths, answers):
  gallery = pj.open_gallery(paths.gallery)
  assert len(answers) == 60
  for answer in answers:
    first = answer.candidates[0]
    row = gallery.find(np.asarray([first.id]))[0]
    assert answer.latlng_deg == first.latlng_deg == tuple(
        gallery.latlng_deg[row].tolist())
    assert (answer.task, answer.system) == ('photo', 'retrieval')
    scores = [candidate.score for candidate in answer.candidates]
    assert scores == sorted(scores, reverse=True) and len(scores) == 5
    assert sum(c.share for c in answer.candidates) <= 1 + 1e-9
    assert all(c.channels for c in answer.candidates)
    assert tuple(answer.confidence) == signals.THRESHOLDS_KM
    assert 0 < answer.radius_km(.5) <= answer.radius_km(.9)
    assert answer.places.country and answer.places.dist_km >= 0


def test_evidence_is_near_the_answer_and_ordered_by_likeness(answers):
  for answer in answers:
    assert answer.evidence  # The answer's own row at least.
    assert [row.similarity for row in answer.evidence] == sorted(
        (row.similarity for row in answer.evidence), reverse=True)
    for row in answer.evidence:
      km = distance.haversine_km(np.asarray(row.latlng_deg),
                                 np.asarray(answer.latlng_deg))
      assert row.dist_km == pytest.approx(float(km)) and km <= 25


def test_backwards_is_as_forwards(opened, paths, answers):
  store = pj.open_store(paths.photo)
  backwards = list(opened.stream_features(
      store, task='photo', rows=list(range(59, -1, -1))))
  assert [a.as_dict() for a in backwards[::-1]] == [
      a.as_dict() for a in answers]


def test_the_router_decides_by_the_feature(opened, paths):
  store = pj.open_store(paths.photo)
  features = store.rows(np.arange(len(store)))
  routed = opened.predict(store)
  # The router of the fixture reads the first number's sign.
  assert [answer.task for answer in routed] == [
      'street' if feature[0] > 0 else 'photo' for feature in features]


def test_a_task_without_calibration_says_so(opened, paths):
  answer = opened.predict(pj.open_store(paths.street), task='street')[0]
  assert answer.confidence == {} and answer.radius_km(.9) is None
  assert any('not calibrated' in text for text in answer.warnings)
  assert json.loads(json.dumps(answer.as_dict()))['radius_km'] == {}


def test_a_region_holds_every_answer_and_its_evidence(opened, paths):
  store = pj.open_store(paths.photo)
  for answer in opened.predict(store, region='box:0,-180,90,180'):
    assert answer.latlng_deg[0] >= 0
    assert all(c.latlng_deg[0] >= 0 for c in answer.candidates)
    assert all(row.latlng_deg[0] >= 0 for row in answer.evidence)
    assert any('in a region' in text for text in answer.warnings) or (
        answer.task == 'street')


def test_an_empty_region_gives_no_answer_and_the_reason(opened, paths):
  answer = opened.predict(pj.open_store(paths.photo),
                          region='circle:-89,0,1')[0]
  assert answer.latlng_deg is None and not answer.evidence
  assert answer.warnings == (
      "no answer: region 'circle:-89,0,1' holds no photo",)


def test_what_is_wrong_is_refused_before_any_photo(opened, paths):
  store = pj.open_store(paths.photo)
  for options, text in (({'top_k': 0}, 'top_k=0'),
                        ({'region': 'land:FR'}, 'starts with none of'),
                        ({'task': 'drone'}, "task 'drone'")):
    with pytest.raises(ValueError, match=text):
      opened.predict(store, **options)
  with pytest.raises(TypeError, match='put one into a list'):
    opened.predict('a.jpg')
  with pytest.raises(ValueError, match='names no backbone'):
    opened.predict([b'x'])


def test_features_made_otherwise_are_refused(opened, tmp_path):
  other = tiny.make_store(tmp_path / 'other', tiny.names('x', 2),
                          facts={'weight_hash': 'def'})
  with pytest.raises(ValueError, match="weight_hash 'abc' → 'def'"):
    opened.predict(pj.open_store(other), task='photo')


def test_photos_are_seen_in_the_number_formats_of_the_gallery(
    paths, monkeypatch):
  model = models.load(paths.model)
  seer = pj.Pinpoint(model, paths.gallery, backbone='demo')
  for made in model.embedder.inputs.values():
    monkeypatch.setitem(made, 'backbone', 'tiny in bfloat16')
  loaded = []
  def load(name, **formats):
    loaded.append((name, formats))
    raise ValueError('no more is needed')
  monkeypatch.setattr(backbones, 'load', load)
  with pytest.raises(ValueError, match='no more is needed'):
    seer.predict([b'x'])
  (name, formats), = loaded
  assert name == 'demo' and formats['dtype'] == 'bfloat16'
  assert formats['weights'] == 'float32'


def test_a_gallery_of_another_embedder_is_refused(paths, tmp_path):
  gallery = tiny.build(tmp_path / 'gallery', [
      tiny.make_store(tmp_path / 'p', tiny.names('p', 4))],
      tiny.writer.Settings('photo'))
  del gallery
  with pytest.raises(ValueError, match='was built by embedder feed'):
    pj.Pinpoint.load(paths.model, tmp_path / 'gallery')


def test_a_density_speaks_for_the_places_that_the_answer_names(opened, answers):
  for answer in answers[:5]:
    nearby = answer.density(answer.candidates[0].latlng_deg)
    assert nearby > answer.density((-80., 10.)) > 0
    assert answer.density.mass.sum() + answer.density.everywhere == (
        pytest.approx(1))
    masses = [area.mass for area in answer.density.areas()]
    assert masses == sorted(masses, reverse=True) and sum(masses) <= 1
  with_areas = dataclasses.replace(
      answers[0], areas=answers[0].density.areas())
  again = records.from_dict(json.loads(json.dumps(with_areas.as_dict())))
  assert again.areas == with_areas.areas and again.density is None
  assert 'areas' not in answers[0].as_dict()


def test_a_zero_feature_has_no_answer_and_disturbs_nobody(opened, answers,
                                                          paths):
  store = pj.open_store(paths.photo)
  features = np.array(store.rows(np.arange(3)))
  features[1] = 0
  result = writers.answers(
      opened._answerer, 'photo', ['a', 'b', 'c'], features,
      opened._answerer.request(task='photo'))
  assert result[1].latlng_deg is None
  assert 'no feature' in result[1].warnings[0]
  assert result[0].latlng_deg == answers[0].latlng_deg
  assert result[2].confidence == answers[2].confidence


def test_the_very_picture_in_the_gallery_is_told(opened, paths):
  store = pj.open_store(paths.photo.replace('/q', '/p'))
  answer = opened.predict(store, task='photo')[0]
  assert any('this very picture' in text for text in answer.warnings)
  assert answer.candidates[0].id == str(store.photos.ids[0])


def test_saved_and_loaded_it_is_the_same(opened, answers, paths, tmp_path):
  fingerprint = opened.save(tmp_path / 'copy', 'A card.\n')
  assert fingerprint == opened.fingerprint
  again = pj.Pinpoint.load(tmp_path / 'copy', paths.gallery)
  assert [a.as_dict() for a in again.predict(
      pj.open_store(paths.photo), task='photo')] == [
          a.as_dict() for a in answers]


def test_a_model_whose_parts_misfit_is_refused(paths, tmp_path):
  saved = models.load(paths.model).saved
  config = json.loads(json.dumps(saved.config))
  config['calibration'] = ['drone']
  with pytest.raises(ValueError, match='does not describe a model'):
    models.model_dir.save(tmp_path / 'm', config, saved.params, '')
    models.load(tmp_path / 'm')


@pytest.fixture
def seeing(paths, monkeypatch):
  return seeing_lib.pinpoint(paths, monkeypatch)


def jpeg(colour, size=(40, 30), exif=None):
  file = io.BytesIO()
  Image.new('RGB', size, colour).save(file, 'PNG')
  return file.getvalue()


def test_paths_bytes_pictures_and_arrays_are_one_photo(seeing, tmp_path):
  data = jpeg((200, 30, 90))
  (tmp_path / 'a.png').write_bytes(data)
  picture = Image.open(io.BytesIO(data))
  forms = [tmp_path / 'a.png', str(tmp_path / 'a.png'), data, picture,
           np.asarray(picture)]
  result = seeing.predict(forms, task='photo')
  assert len({json.dumps({**a.as_dict(), 'id': ''}) for a in result}) == 1
  assert [a.id for a in result] == [str(tmp_path / 'a.png')] * 2 + [
      'photo2', 'photo3', 'photo4']
  assert seeing.predict([data], ids=['mine'])[0].id == 'mine'


@pytest.mark.slow
def test_two_hundred_at_once_are_two_hundred_single_calls(seeing):
  rng = np.random.default_rng(0)
  photos = [np.full((8, 8, 3), colour, np.uint8)
            for colour in rng.integers(0, 256, (200, 3))]
  photos[70] = b'no picture'  # Others follow it in its chunk.
  ids = [f'p{i}' for i in range(len(photos))]
  at_once = [a.as_dict() for a in seeing.predict(photos, ids=ids)]
  assert [a['id'] for a in at_once] == ids
  assert len({a['latlng_deg'] for a in at_once}) > 5
  for photo, name, answer in zip(photos, ids, at_once):
    single, = seeing.predict([photo], ids=[name])
    assert single.as_dict() == answer


def test_what_cannot_be_read_has_a_reason_and_its_place(seeing, tmp_path):
  good = jpeg((1, 2, 3))
  result = seeing.predict([
      good, b'', b'<html>', good[:40], tmp_path / 'none.jpg', tmp_path,
      np.zeros((0, 3, 3), np.uint8), np.zeros((4, 4)), good])
  reasons = [answer.warnings[0].partition(':')[0] for answer in result[1:-1]]
  assert reasons == ['empty', 'not_an_image', 'damaged', 'unreadable',
                     'unreadable', 'not_an_image', 'not_an_image']
  assert result[0].latlng_deg == result[-1].latlng_deg is not None


@pytest.mark.parametrize('size', [(1, 1), (1, 10_000), (10_000, 1)])
def test_odd_and_black_pictures_have_an_answer(seeing, size):
  answer = seeing.predict([jpeg((0, 0, 0), size)])[0]
  assert answer.latlng_deg is not None
  assert all(math.isfinite(c.score) for c in answer.candidates)


def test_gps_of_the_file_is_shown_when_wanted_and_never_used(seeing):
  exif = Image.Exif()
  exif[0x8825] = {1: 'N', 2: (48., 30., 0.), 3: 'E', 4: (2., 15., 0.)}
  def saved(**options):
    file = io.BytesIO()
    Image.new('RGB', (16, 16), (9, 99, 199)).save(file, 'PNG', **options)
    return file.getvalue()
  plain, tagged = saved(), saved(exif=exif)
  with_gps = seeing.predict([tagged], ids=['x'], with_exif=True)[0]
  assert with_gps.exif_latlng_deg == (48.5, 2.25)
  assert '48.5' not in repr(with_gps)
  without = [seeing.predict([data], ids=['x'])[0] for data in (plain, tagged)]
  assert without[0] == without[1]
  assert 'exif_latlng_deg' not in without[1].as_dict()


def test_coarse_says_the_country_and_nothing_finer(answers):
  answer = answers[0]
  result = coarse.coarse(answer, 'country')
  assert result.places == pj.Place('', '', answer.places.country, 0.)
  assert not result.candidates and not result.evidence
  assert result.confidence == {} and result.reach is None
  text = json.dumps(result.as_dict())
  assert answer.places.city not in text
  assert repr(answer.latlng_deg[0]) not in text
  # Two answers in one country say the same.
  same = [coarse.coarse(a, 'country').latlng_deg for a in answers
          if a.places.country == answer.places.country]
  assert len(set(same)) == 1
  assert coarse.coarse(answer, '') is answer
  with pytest.raises(ValueError, match='--coarse=town'):
    coarse.check('town')
