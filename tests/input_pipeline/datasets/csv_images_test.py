"""A CSV and a folder of images: every row finds its file or is counted."""

import os

from input_pipeline import sources
from input_pipeline.datasets import csv_images, file_names, file_photos
from pinpoint_jax.images import decode
import pytest

from tests.fixtures import dataset_checks, replicas


@pytest.fixture
def root(tmp_path):
  """Five images at several depths, under several names."""
  images = tmp_path / 'images'
  for i, name in enumerate(('a.jpg', 'x/b.JPEG', 'x/y/c.d.png', 'p/same.jpg',
                            'q/same.jpg')):
    (images / name).parent.mkdir(parents=True, exist_ok=True)
    (images / name).write_bytes(replicas.jpeg(i))
  (images / 'readme.txt').write_text('no image')
  return tmp_path


def read(root, *ids, **kwargs):
  replicas.write_table(root / 'photos.csv', ('id', 'lat', 'lng', 'note'), [
      {'id': name, 'lat': i + 1, 'lng': 2, 'note': f'n{i}'}
      for i, name in enumerate(ids)])
  return csv_images.read_csv_images(root / 'photos.csv', root / 'images',
                                    **kwargs)


@pytest.mark.parametrize('ids', [
    ('a.jpg', 'x/b.JPEG', 'x/y/c.d.png', 'p/same.jpg', 'q/same.jpg'),
    ('a', 'x/b', 'x/y/c.d', 'p/same', 'q/same'),
    ('a.jpeg', 'b', 'c.d', 'p_same', 'q_same.jpg'),
    ('a.PNG', 'b.jpg', 'c.d.jpg', 'p/same.png', 'q/same')])
def test_ids_with_and_without_extension_and_folders(root, ids):
  source = read(root, *ids)
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, {name: replicas.jpeg(i)
                                      for i, name in enumerate(ids)})
  assert source.notes == ()


def test_missing_ambiguous_and_unused_files_are_counted(root):
  source = read(root, 'none.jpg', 'same.jpg', 'b', 'a', '../photos.csv')
  dataset_checks.same_images(source, {
      'b': replicas.jpeg(1),
      'a': replicas.jpeg(0)
  })
  assert source.extra['note'].tolist() == ['n2', 'n3']
  missing, ambiguous, unused = source.notes
  assert '2 of 5 rows left out, no image file: row 0: none.jpg, row 4' in (
      missing)
  assert '1 of 5 rows left out, several image files of that name: row 1' in (
      ambiguous)
  assert '3 image files left out: in no row' in unused


def test_two_rows_of_one_file_are_said(root):
  source = read(root, 'a', 'a.jpg')
  assert len(source.photos) == 2
  assert '1 rows share an image file' in source.notes[1]


def test_links_and_paths_outside_are_never_followed(root):
  secret = root / 'secret.jpg'
  secret.write_bytes(replicas.jpeg(9))
  (root / 'images' / 'link.jpg').symlink_to(secret)
  (root / 'images' / 'up').symlink_to(root)
  source = read(root, 'a', 'link.jpg', 'up/secret.jpg', '../secret.jpg',
                str(secret))
  assert source.photos.ids.tolist() == ['a']
  assert '4 of 5 rows left out, no image file' in source.notes[0]
  assert '2 links left out' in source.notes[-1]


def test_files_that_vanish_or_grow_are_quarantined(root, monkeypatch):
  source = read(root, 'a', 'b')
  os.unlink(root / 'images' / 'a.jpg')
  with pytest.raises(decode.BadImage) as caught:
    source.read(0)
  assert caught.value.reason == 'unreadable'
  monkeypatch.setattr(file_photos, 'MAX_FILE_BYTES', 10)
  with pytest.raises(decode.BadImage) as caught:
    source.read(1)
  assert caught.value.reason == 'too_large'


def test_nothing_to_read(root):
  with pytest.raises(ValueError,
                     match=r"none of 1 ids.*'z'.*5 imag"):
    read(root, 'z')
  with pytest.raises(ValueError, match='duplicate ids'):
    read(root, 'a', 'a')
  assert len(read(root, 'a', 'a', duplicates='first').photos) == 1
  with pytest.raises(ValueError, match='is not a folder'):
    csv_images.read_csv_images(root / 'photos.csv', root / 'nowhere')


@pytest.mark.parametrize('name, key', [
    ('5d/9a/123.jpg', '5d_9a_123'), ('1_2_3@N00.JPG', '1_2_3@N00'),
    ('a.b', 'a.b'), ('a.b.heic', 'a.b'), ('', ''), ('.jpg', '')])
def test_keys(name, key):
  assert file_names.key(name) == key
