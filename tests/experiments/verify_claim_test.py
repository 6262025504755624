"""The command: every claim judged once, every bad one refused by its row."""

import csv
import json

from experiments import verify_claim
from experiments.run import launch
import numpy as np
import pinpoint_jax as pj
import pytest

from tests.fixtures import tiny_gallery, tiny_model


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
  return tiny_model.make(tmp_path_factory.mktemp('model'))


def run(paths, *words, **changes):
  values = {flag.name: flag.default for flag in verify_claim.FLAGS}
  values |= {'model': paths.model, 'gallery': paths.gallery, 'task': 'photo'}
  verify_claim.main(launch.Run(None, values | changes, None,
                               tuple(map(str, words))))


def table(path, *rows, head='id,lat,lng'):
  path.write_text('\n'.join([head, *rows]) + '\n')
  return str(path)


def test_a_table_of_claims_is_judged_as_the_library_does(paths, tmp_path,
                                                         capsys):
  claims = table(tmp_path / 'c.csv', 'near_p7,10.5,20.25', 'near_p2,-33,151',
                 'near_p0,50,-180')
  out = {kind: tmp_path / f'v.{kind}' for kind in ('json', 'jsonl', 'csv')}
  for path in out.values():
    run(paths, paths.photo, claims=claims, out=str(path))
  store = pj.open_store(paths.photo)
  expected = [v.as_dict() for v in pj.Pinpoint.load(
      paths.model, paths.gallery).stream_claims(
          store, [(10.5, 20.25), (-33, 151), (50, -180)], task='photo',
          rows=[7, 2, 0])]
  plain = json.loads(json.dumps(expected))
  assert json.loads(out['json'].read_text()) == plain
  assert [json.loads(line) for line in out['jsonl'].open()] == plain
  with out['csv'].open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert [row['id'] for row in rows] == ['near_p7', 'near_p2', 'near_p0']
  for row, verdict in zip(rows, plain):
    assert row['verdict'] == verdict['word']
    assert float(row['p_value']) == verdict['p_value']
    assert (float(row['lat']), float(row['lng'])) == tuple(
        verdict['latlng_deg'])
    assert float(row['answer_lat']) == verdict['answer']['latlng_deg'][0]
  assert 'unjudged' in capsys.readouterr().out


def test_one_place_for_all_reads_like_a_verdict(paths, tmp_path, capsys):
  few = tiny_gallery.make_store(tmp_path / 'few', tiny_model.near('p', 4))
  run(paths, few, at='48.8566,2.3522')
  text = capsys.readouterr().out
  assert text.count('claimed 48.85660, 2.35220') == 4
  assert text.count('p = ') == text.count('the photo alone says') == 4
  assert 'that is no proof' in text or 'UNJUDGED' in text


@pytest.mark.parametrize('row, text', [
    ('near_p1,95,20', 'rows latitude outside'),
    ('near_p1,NaN,20', 'rows not finite: rows 1'),
    ('near_p1,10,inf', 'rows not finite: rows 1'),
    ('near_p1,10,181', 'longitude outside'),
    ('near_p1,0,0', 'null island'),
    ('near_p1,"52,1",20', "row 1: '52,1'"),
    ('near_p1,north,20', "row 1: 'north'"),
    ('near_p0,10,20', "'near_p0' again in row 1"),
    ('unknown,10,20', "the first is 'unknown'"),
    ('near_p1,10', 'first row 1')])
def test_a_bad_claim_is_refused_by_its_row(paths, tmp_path, row, text):
  claims = table(tmp_path / 'c.csv', 'near_p0,10,20', row)
  with pytest.raises(ValueError) as refusal:
    run(paths, paths.photo, claims=claims)
  assert text in str(refusal.value) and '\n' not in str(refusal.value)


def test_swapped_columns_are_named(paths, tmp_path):
  claims = table(tmp_path / 'c.csv', 'near_p0,151,-33', 'near_p1,120,30')
  with pytest.raises(ValueError, match='swapped'):
    run(paths, paths.photo, claims=claims)


@pytest.mark.parametrize('at, text', [
    ('52', 'write LAT,LNG'), ('48,8566,2,3522', 'decimal points'),
    ('a,b', 'write LAT,LNG'), ('1_0,2', 'write LAT,LNG'),
    ('nan,2', 'not finite'), ('91,2', 'latitude outside'),
    ('139.7,35.7', 'swapped'), ('0,0', 'failed geotagging')])
def test_a_place_that_is_none_is_refused(at, text):
  with pytest.raises(ValueError, match=text) as refusal:
    verify_claim.parsed_place(at)
  assert str(refusal.value).startswith(f'--at={at}: ')


def test_places_may_be_written_with_spaces_and_signs():
  np.testing.assert_array_equal(
      verify_claim.parsed_place(' -33.87, +151.21'), [-33.87, 151.21])
  np.testing.assert_array_equal(
      verify_claim.parsed_place('-90,180'), [-90, 180])


@pytest.mark.parametrize('words, options, text', [
    ((), {}, 'one of the two'),
    ((), {'at': '1,2', 'claims': 'c.csv'}, 'one of the two'),
    ((), {'at': '1,2'}, 'no photo is named'),
    (('none.jpg',), {'at': '1,2'}, 'no such file'),
    (('a.jpg',), {'claims': 'c.csv'}, 'names the photos itself'),
    (('STORE', 'b.jpg'), {'at': '1,2'}, 'is judged alone'),
    (('STORE',), {'at': '1,2', 'out': 'v.kml'}, "ends in '.kml'"),
    (('STORE',), {'at': '1,2', 'out': 'none/v.csv'}, 'there is no folder'),
    (('STORE',), {'at': '1,2', 'level': 0.}, 'level=0.0')])
def test_what_cannot_be_done_is_refused(paths, words, options, text):
  named = [paths.photo if word == 'STORE' else word for word in words]
  with pytest.raises(ValueError, match=text):
    run(paths, *named, **options)


def test_paths_of_a_table_are_relative_to_it(tmp_path):
  claims = table(tmp_path / 'c.csv', 'a.jpg,10,20', 'sub/b.jpg,-5,7',
                 head='path,lat,lng')
  listed = verify_claim._listed((), '', claims)
  assert listed.photos == (str(tmp_path / 'a.jpg'),
                           str(tmp_path / 'sub' / 'b.jpg'))
  assert listed.latlng_deg.tolist() == [[10, 20], [-5, 7]]
