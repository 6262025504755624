"""GeoJSON by RFC 7946, and it holds what the answer holds."""

import dataclasses
import json

import numpy as np
from pinpoint_jax.answer import records
from pinpoint_jax.geo import geojson
from pinpoint_jax.report import answer_files, answer_geojson
import pytest

from tests.fixtures import rfc7946
from tests.fixtures import tiny_answers as tiny


def document(*answers):
  return json.loads(''.join(answer_geojson.lines(answers)))


def of_role(features, role):
  return [f for f in features if f['properties']['role'] == role]


def test_an_answer_is_a_point_a_circle_and_what_speaks_for_it():
  features = rfc7946.check(document(tiny.answer()))
  assert [f['properties']['role'] for f in features] == [
      'answer', 'radius', 'candidate', 'candidate', 'evidence']
  answer, radius, _, second, evidence = features
  assert answer['geometry'] == {'type': 'Point',
                                'coordinates': [2.3522, 48.8566]}
  assert answer['properties'] == {
      'role': 'answer', 'id': 'paris.jpg', 'task': 'photo', 'system': 'light',
      'confidence_1km': .1, 'confidence_25km': .625, 'confidence_200km': .75,
      'confidence_750km': .875, 'confidence_2500km': .9375,
      'radius_km_0.9': 12., 'city': 'Paris', 'region': 'Île-de-France',
      'country': 'FR', 'warnings': 'outside the reach of the gallery'}
  assert radius['properties'] == {
      'role': 'radius', 'photo': 'paris.jpg', 'radius_km': 12., 'share': .9}
  assert second['properties'] == {
      'role': 'candidate', 'photo': 'paris.jpg', 'rank': 2, 'id': 's7',
      'source': 'street', 'channels': 'location', 'score': -.5, 'share': .25}
  assert evidence['properties'] == {
      'role': 'evidence', 'photo': 'paris.jpg', 'rank': 1, 'id': 'p1',
      'source': 'photo', 'dist_km': 4.25, 'similarity': .875,
      'author': 'A. Nonym', 'licence': 'CC BY 4.0', 'sequence': ''}
  assert evidence['geometry']['coordinates'] == [2.2945, 48.8584]


def test_our_own_reader_takes_the_circle_for_a_region():
  region = geojson.read(of_role(document(tiny.answer())['features'],
                                'radius')[0])
  # 11.5 and 12.5 km north, by 111.195 km to a degree.
  assert region.contains(np.array([[48.8566 + 11.5 / 111.195, 2.3522],
                                   [48.8566 + 12.5 / 111.195, 2.3522]])
                         ).tolist() == [True, False]


def test_a_photo_without_an_answer_is_a_feature_without_geometry():
  feature, = rfc7946.check(document(tiny.unanswered()))
  assert feature['geometry'] is None
  assert feature['properties']['id'] == 'black.jpg'
  assert feature['properties']['warnings'] == (
      'no answer: the picture is all black')


def test_anywhere_on_earth_and_whatever_the_radius():
  rng = np.random.default_rng(0)
  places = [(90., 0.), (-90., 180.), (0., 180.), (0., -180.), (0., 0.),
            *zip(rng.uniform(-90, 90, 40).tolist(),
                 rng.uniform(-180, 180, 40).tolist())]
  answers = [tiny.answer(f'{i}', place, float(10 ** rng.uniform(-3, 4.3)))
             for i, place in enumerate(places)]
  features = rfc7946.check(document(*answers))
  answered = of_role(features, 'answer')
  assert [tuple(f['geometry']['coordinates'][::-1])
          for f in answered] == places
  assert len(of_role(features, 'radius')) == len(places)


@pytest.mark.parametrize('radius_km', [None, records.FARTHEST_KM, 1e-9])
def test_no_circle_where_it_would_say_nothing(radius_km):
  features = rfc7946.check(document(tiny.answer(radius_km=radius_km)))
  assert not of_role(features, 'radius')


def test_hostile_names_survive(tmp_path):
  path = tmp_path / 'a.geojson'
  answer_files.write(path, [tiny.answer(id_) for id_ in tiny.HOSTILE_IDS])
  assert path.read_bytes().isascii()
  features = rfc7946.check(json.loads(path.read_bytes()))
  assert tuple(f['properties']['id'] for f in of_role(
      features, 'answer')) == tiny.HOSTILE_IDS
  assert {f['properties']['photo'] for f in of_role(
      features, 'radius')} == set(tiny.HOSTILE_IDS)


def test_no_answers_are_an_empty_collection():
  assert document() == {'type': 'FeatureCollection', 'features': []}


def test_gps_of_the_file_is_apart_and_only_where_it_was_asked_for():
  asked = dataclasses.replace(tiny.answer(), exif_latlng_deg=(1.5, -2.5))
  exif, = of_role(rfc7946.check(document(asked)), 'exif')
  assert exif['geometry']['coordinates'] == [-2.5, 1.5]
  assert not of_role(document(tiny.answer())['features'], 'exif')


def test_a_score_that_is_not_finite_is_null():
  answer = tiny.answer()
  candidate = dataclasses.replace(answer.candidates[0], score=float('-inf'))
  features = document(dataclasses.replace(answer, candidates=(candidate,)))
  assert of_role(features['features'], 'candidate')[0]['properties'][
      'score'] is None
