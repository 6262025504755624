"""The Flickr benchmarks in miniature, placeholders and swapped headers in."""

from input_pipeline.datasets import csv_images, flickr_benchmarks, placeholders
from pinpoint_jax.geo import coords
import pytest

from tests.fixtures import dataset_checks, replicas

read = flickr_benchmarks.read_benchmark


def test_im2gps3k(tmp_path):
  images = replicas.im2gps3k(tmp_path, absent=1, unlisted=3)
  source = read('im2gps3k', tmp_path)
  dataset_checks.same_images(source, images)
  assert source.photos.authors.tolist() == ['0@N00', '1@N00'] * 3
  assert source.photos.source == 'photo'
  missing, unused = source.notes
  assert '1 of 7 rows left out, no image file: row 6: no0.jpg' in missing
  assert '3 image files left out' in unused


def test_swapped_headers_are_named_and_fixed_on_request(tmp_path):
  images = replicas.im2gps3k(tmp_path, swapped=True)
  with pytest.raises(coords.BadCoordinates, match='LAT and LON are swapped'):
    read('im2gps3k', tmp_path)
  source = read('im2gps3k', tmp_path, swapped='fix')
  dataset_checks.same_images(source, images)
  assert source.photos.latlng_deg[2].tolist() == [2, 122]
  assert 'were swapped' in source.notes[0]


def test_yfcc4k_leaves_placeholders_out_and_counts_them(tmp_path):
  images = replicas.yfcc4k(tmp_path, num=6, marked=2, unmarked=5, absent=1)
  source = read('yfcc4k', tmp_path)
  dataset_checks.same_images(source, images)
  assert source.photos.authors[1] == '1@N01'
  assert source.extra['accuracy'].tolist() == ['16'] * 6
  missing, marked, unmarked = source.notes  # 14 rows = 6 + 1 + 2 + 5.
  assert '1 of 14 rows left out, no image file: row 13: 50' in missing
  assert '2 rows left out: Placeholder is 1' in marked
  assert ('5 rows left out: 1 pictures have at least 5 ids each, byte for '
          'byte, such as 42') in unmarked


def test_placeholder_pictures_can_be_kept(tmp_path):
  replicas.yfcc4k(tmp_path)
  source = read('yfcc4k', tmp_path, placeholder_pictures='keep')
  assert len(source.photos) == 11
  assert '5 rows kept: 1 pictures' in source.notes[-1]
  with pytest.raises(ValueError, match="placeholder_pictures='drop': choices"):
    read('yfcc4k', tmp_path, placeholder_pictures='drop')


def test_marks_that_are_no_marks_are_refused(tmp_path):
  replicas.yfcc4k(tmp_path)
  path = tmp_path / 'yfcc4k.csv'
  path.write_text(path.read_text().replace(',0,16', ',maybe,16', 1))
  with pytest.raises(ValueError, match="first 'maybe' of id 310"):
    read('yfcc4k', tmp_path)


@pytest.mark.parametrize('name', ['yfcc26k', 'im2gps'])
def test_the_others(tmp_path, name):
  images = replicas.im2gps3k(tmp_path)
  (tmp_path / 'im2gps3k_places365.csv').rename(
      tmp_path / flickr_benchmarks.BENCHMARKS[name].tables[0])
  dataset_checks.same_images(read(name, tmp_path), images)


def test_tables_and_folders_by_name(tmp_path):
  images = replicas.im2gps3k(tmp_path)
  (tmp_path / 'im2gps3k_places365.csv').rename(tmp_path / 'mine.csv')
  with pytest.raises(ValueError, match='0 of the tables.*table='):
    read('im2gps3k', tmp_path)
  source = read('im2gps3k', tmp_path, 'mine.csv', 'im2gps3ktest')
  dataset_checks.same_images(source, images)
  with pytest.raises(ValueError, match="'im2gps5k': choices are"):
    read('im2gps5k', tmp_path)


def repeated(root, authors, copies, **kwargs):
  """How many of some photos of which `copies` are one are placeholders."""
  (root / 'images').mkdir()
  for i in range(12):
    # The same length for all: the digest must tell them apart.
    data = b'P' * 40 if i < copies else bytes([i]) * 40
    (root / 'images' / f'{i}.jpg').write_bytes(data)
  replicas.write_table(root / 'p.csv', ('id', 'lat', 'lng', 'author'), [
      {'id': i, 'lat': 1, 'lng': 2, 'author': authors(i)} for i in range(12)])
  source = csv_images.read_csv_images(root / 'p.csv', root / 'images')
  mask, num_pictures = placeholders.repeated(source, **kwargs)
  assert mask[:copies].all() == mask[:copies].any() and not mask[copies:].any()
  assert num_pictures == bool(mask.any())
  return mask.sum()


@pytest.mark.parametrize('copies, count', [(2, 0), (4, 0), (5, 5), (9, 9)])
def test_the_threshold(tmp_path, copies, count):
  assert placeholders.MIN_REPEATS == 5
  assert repeated(tmp_path, str, copies) == count


def test_uploads_of_one_person_are_no_placeholders(tmp_path):
  assert repeated(tmp_path, lambda i: 'me', 9) == 0


def test_unknown_authors_are_several(tmp_path):
  assert repeated(tmp_path, lambda i: '', 3, min_repeats=3) == 3


def test_a_threshold_of_one_is_refused(tmp_path):
  with pytest.raises(ValueError, match='min_repeats=1'):
    repeated(tmp_path, str, 2, min_repeats=1)
