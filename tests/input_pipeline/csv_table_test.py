"""CSV files as people have them, and what is refused of them."""

from input_pipeline import csv_table
import numpy as np
from pinpoint_jax.geo import coords
import pytest


@pytest.fixture
def write(tmp_path):
  def write_file(text, encoding='utf-8'):
    path = tmp_path / 'photos.csv'
    path.write_bytes(text.encode(encoding))
    return path
  return write_file


def read(path, **kwargs):
  return csv_table.read_photos_csv(path, 'photo', **kwargs)


def test_plain(write):
  table = read(write('id,lat,lng,author,note\na,1.5,-2,x,hi\nb,3,4,,\n'))
  assert table.photos.ids.tolist() == ['a', 'b']
  assert table.photos.latlng_deg.tolist() == [[1.5, -2], [3, 4]]
  assert table.photos.authors.tolist() == ['x', '']
  assert table.photos.clusters.tolist() == ['a:x', 'i:b']
  assert table.extra['note'].tolist() == ['hi', '']
  assert table.notes == ()


@pytest.mark.parametrize('header', [
    'IMG_ID,AUTHOR,LAT,LON', 'image_id,creator_id,latitude,longitude',
    'id,OwnerNSID,lat,lon'])
def test_other_column_names(write, header):
  photos = read(write(f'{header}\na,me,1,2\n')).photos
  assert photos.latlng_deg.tolist() == [[1, 2]]
  assert photos.authors.tolist() == ['me']


def test_bom_crlf_quotes_and_newlines_in_quotes(write):
  text = 'id,lat,lng,author\r\n"a,1",1,2,"two\r\nlines"\r\n"q""q",3,4,z\r\n'
  photos = read(write(text, 'utf-8-sig')).photos
  assert photos.ids.tolist() == ['a,1', 'q"q']
  assert photos.authors.tolist() == ['two\r\nlines', 'z']


@pytest.mark.parametrize('lat, lng, complaint', [
    ('nan', '1', 'not finite: rows 1'), ('inf', '1', 'not finite: rows 1'),
    ('91', '0', 'latitude outside.*rows 1'),
    ('3', '181', 'longitude outside.*rows 1'),
    ('0', '0', r'\(0, 0\).*rows 1'), ('"52,1"', '1', "column lat.*'52,1'"),
    ('', '1', "row 1: ''"), ('1_0', '1', "row 1: '1_0'"),
    ('٣', '1', "row 1: '٣'"), ('5', 'x', "column lng.*row 1: 'x'")])
def test_bad_coordinates_are_refused_by_row(write, lat, lng, complaint):
  path = write(f'id,lat,lng\na,1,2\nb,{lat},{lng}\n')
  with pytest.raises(coords.BadCoordinates, match=complaint):
    read(path)


def test_swapped_headers_are_named_and_fixed_only_on_request(write):
  path = write('IMG_ID,LAT,LON\na,139.7,35.7\nb,2.3,48.9\n')
  with pytest.raises(coords.BadCoordinates, match='LAT and LON are swapped'):
    read(path)
  fixed = read(path, swapped='fix')
  assert fixed.photos.latlng_deg.tolist() == [[35.7, 139.7], [48.9, 2.3]]
  assert 'swapped' in fixed.notes[0]


def test_both_meridians_of_the_edge_are_kept(write):
  photos = read(write('id,lat,lng\na,1,180\nb,1,-180\n')).photos
  assert photos.latlng_deg[:, 1].tolist() == [180, -180]


def test_duplicates_are_refused_or_counted(write):
  path = write('id,lat,lng\na,1,2\nb,3,4\na,5,6\n')
  with pytest.raises(ValueError, match="1 dup.*'a' again in row 2"):
    read(path)
  table = read(path, duplicates='first')
  assert table.photos.latlng_deg.tolist() == [[1, 2], [3, 4]]
  assert '1 duplicate ids dropped' in table.notes[0]


@pytest.mark.parametrize('text, complaint', [
    ('id,lat\na,1\n', r"no column for 'lng'.*\['lng', 'lon'"),
    ('id,lat,lng\n', 'no rows'),
    ('', "no column for 'id'|no rows"),
    ('id,lat,lng\na,1\n', 'do not have 3 columns, first row 0'),
    ('id,lat,lng\n,1,2\n', '1 empty ids, first row 0'),
    ('id,lat,latitude,lng\na,1,1,2\n', "all mean 'lat'"),
    ('id,id,lat,lng\na,a,1,2\n', 'twice'),
    ('id,lat,lng\n"a,1,2\n', 'line'),
])
def test_broken_files_say_what_is_wrong(write, text, complaint):
  with pytest.raises(ValueError, match=complaint):
    read(write(text))


def test_order_of_columns_does_not_matter(write):
  photos = read(write('lng,id,lat\n2,a,1\n')).photos
  np.testing.assert_array_equal(photos.latlng_deg, [[1, 2]])


def test_all_bad_rows_are_counted_and_the_first_five_shown(write):
  rows = ''.join(f'{i},x{i},1\n' for i in range(9))
  with pytest.raises(coords.BadCoordinates, match='9 values.*row 4') as caught:
    read(write('id,lat,lng\n' + rows))
  assert 'row 5' not in str(caught.value)


def test_one_id_in_two_places_is_a_duplicate_like_any_other(write):
  path = write('id,lat,lng\n' + 'a,1,2\na,50,60\nb,1,1\nb,1,1\n')
  with pytest.raises(ValueError, match='2 duplicate ids'):
    read(path)
  with pytest.raises(ValueError, match="duplicates='last': choices"):
    read(path, duplicates='last')


def test_another_encoding_is_refused(write):
  with pytest.raises(ValueError, match='utf-8'):
    read(write('id,lat,lng,author\na,1,2,Z\xfcrich\n', 'latin-1'))


def test_rows_without_an_answer_are_refused_or_counted(write):
  path = write('id,lat,lng,author\na,1,2,x\nb,,,y\nc,3,4,z\n')
  with pytest.raises(coords.BadCoordinates, match="column lat.*row 1: ''"):
    read(path)
  table = read(path, unanswered='drop')
  assert table.photos.ids.tolist() == ['a', 'c']
  assert table.photos.authors.tolist() == ['x', 'z']
  assert table.notes == (f"{path}: 1 rows without an answer left out: 'b'",)


@pytest.mark.parametrize('text, complaint', [
    ('id,lat,lng\na,1,2\nb,,3\n', "column lat.*row 1: ''"),
    ('id,lat,lng\na,,\nb,,\n', 'none of 2 rows has a place')])
def test_half_a_place_and_no_place_at_all_are_refused(write, text, complaint):
  with pytest.raises(ValueError, match=complaint):
    read(write(text), unanswered='drop')


def test_other_words_for_unanswered_are_refused(write):
  with pytest.raises(ValueError, match="unanswered='keep': choices are refuse"):
    read(write('id,lat,lng\na,1,2\n'), unanswered='keep')


def test_only_the_columns_that_are_asked_for_are_kept(tmp_path):
  path = tmp_path / 't.csv'
  path.write_text('url,id,cell,lat,lng\nu,a,7,1,2\n\nv,b,8,3,4\n')
  def extra(**names):
    read = csv_table.read_photos_csv(path, 'photo', **names)
    assert read.photos.ids.tolist() == ['a', 'b']
    return {name: values.tolist() for name, values in read.extra.items()}
  assert extra() == {'url': ['u', 'v'], 'cell': ['7', '8']}
  assert extra(extra_names=('cell', 'soil')) == {'cell': ['7', '8']}
  assert extra(extra_names=()) == {}
