"""CSV goes round: what is written is read, whatever the names are."""

import csv
from dataclasses import replace

from input_pipeline import csv_table
import numpy as np
from pinpoint_jax.report import answer_csv, answer_files
import pytest

from tests.fixtures import tiny_answers as tiny


def write(tmp_path, answers):
  path = tmp_path / 'answers.csv'
  return path, answer_files.write(path, answers)


def test_the_table_to_the_letter():
  assert ''.join(answer_csv.lines([tiny.answer(), tiny.unanswered()])) == (
      'id,lat,lng,task,system,confidence_1km,confidence_25km,confidence_200km,'
      'confidence_750km,confidence_2500km,radius_km_0.9,city,region,country,'
      'warnings\n'
      'paris.jpg,48.8566,2.3522,photo,light,0.1,0.625,0.75,0.875,0.9375,'
      '12.0,Paris,Île-de-France,FR,outside the reach of the gallery\n'
      'black.jpg,,,photo,light,,,,,,,,,,no answer: the picture is all black\n')


def test_the_reader_of_evaluate_reads_ids_and_places_exactly(tmp_path):
  rng = np.random.default_rng(0)
  latlng = np.stack([rng.uniform(-90, 90, len(tiny.HOSTILE_IDS)),
                     rng.uniform(-180, 180, len(tiny.HOSTILE_IDS))], 1)
  latlng[:4] = [[90, 0], [-90, 180], [1e-9, -180], [-0., 180]]
  path, _ = write(tmp_path, [
      tiny.answer(id_, (float(lat), float(lng)))
      for id_, (lat, lng) in zip(tiny.HOSTILE_IDS, latlng)])
  photos = csv_table.read_photos_csv(path, 'photo').photos
  assert tuple(photos.ids.tolist()) == tiny.HOSTILE_IDS
  np.testing.assert_array_equal(photos.latlng_deg, latlng)


def test_photos_without_an_answer_have_a_line_and_are_counted(tmp_path):
  path, notes = write(tmp_path, [tiny.unanswered('b,1'), tiny.answer(),
                                 tiny.unanswered()])
  assert notes == (
      f"{path}: 2 of 3 photos have no answer and no place there: 'b,1', "
      "'black.jpg'",)
  with pytest.raises(ValueError, match="2 values are not numbers: row 0: ''"):
    csv_table.read_photos_csv(path, 'photo')
  read = csv_table.read_photos_csv(path, 'photo', unanswered='drop')
  assert read.photos.ids.tolist() == ['paris.jpg']
  assert read.notes == (
      f"{path}: 2 rows without an answer left out: 'b,1', 'black.jpg'",)


def test_formulas_are_told_and_defused_where_no_id_suffers(tmp_path):
  answer = tiny.answer('=HYPERLINK("http://a")')
  place = type(answer.places)('=cmd', '+x', '@y', 0.)
  path, notes = write(tmp_path, [replace(answer, places=place)])
  assert notes == (f'{path}: 1 ids begin like a formula; let a spreadsheet '
                   'import them as text: \'=HYPERLINK("http://a")\'',)
  with path.open(newline='') as file:
    row, = csv.DictReader(file)
  assert row['id'] == '=HYPERLINK("http://a")'
  assert [row[name] for name in ('city', 'region', 'country')] == [
      "'=cmd", "'+x", "'@y"]
  assert row['lat'] == '48.8566'


def test_numbers_below_zero_are_no_formulas(tmp_path):
  path, notes = write(tmp_path, [tiny.answer('a', (-33.5, -70.25))])
  assert notes == () and path.read_text().splitlines()[1].startswith(
      'a,-33.5,-70.25,')


def test_gps_of_the_file_has_columns_only_where_it_was_asked_for(tmp_path):
  path, _ = write(tmp_path, [
      tiny.answer('a'), replace(tiny.answer('b'), exif_latlng_deg=(1.5, -2.))])
  with path.open(newline='') as file:
    rows = list(csv.DictReader(file))
  assert [(row['exif_lat'], row['exif_lng']) for row in rows] == [
      ('', ''), ('1.5', '-2.0')]


@pytest.mark.parametrize('id_', [tiny.SURROGATE, 'a\0b'])
def test_what_a_table_cannot_hold_is_refused_before_anything(tmp_path, id_):
  with pytest.raises(ValueError, match='cannot hold every character of 1 ids'):
    write(tmp_path, [tiny.answer(id_)])
  assert not list(tmp_path.iterdir())


def test_no_answers_are_a_head_alone():
  line, = answer_csv.lines([])
  assert line.startswith('id,lat,lng,task,system,confidence_1km,')
