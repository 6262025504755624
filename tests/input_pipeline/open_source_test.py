"""Every data set by its name; unknown names and options are refused."""

import pickle

from input_pipeline import open_source, sources
from input_pipeline.picture_earth import dataset as synthetic
import numpy as np
from pinpoint_jax.images import decode
import pytest

from tests.fixtures import dataset_checks, replicas

open_ = open_source.open_source
BUILD = {'osv5m': replicas.osv5m, 'mp16_pro': replicas.mp16_pro,
         'im2gps3k': replicas.im2gps3k, 'yfcc4k': replicas.yfcc4k,
         'webdataset': replicas.webdataset,
         'commons26': replicas.commons26}


@pytest.mark.parametrize('name', sorted(BUILD))
def test_each_name_opens_its_data(tmp_path, name):
  images = BUILD[name](tmp_path)
  source = open_(name, tmp_path)
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, images)


@pytest.mark.parametrize('name', sorted(BUILD))
def test_the_first_rows_only(tmp_path, name):
  images = BUILD[name](tmp_path)
  source = open_(name, str(tmp_path), max_rows=2)
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, dict(list(images.items())[:2]))
  assert source.notes[-1] == (f'2 of {len(images)} photos taken, the others '
                              f'left out')
  assert len(open_(name, tmp_path, max_rows=99).photos) == len(images)


def test_rows_spread_evenly(tmp_path):
  images = replicas.im2gps3k(tmp_path)  # Six: rows 0, 2 and 4 of them.
  source = open_('im2gps3k', tmp_path, max_rows=3, evenly=True)
  dataset_checks.same_images(source, dict(list(images.items())[::2]))


def test_further_columns_follow_the_first_rows(tmp_path):
  replicas.osv5m(tmp_path)
  whole, first = open_('osv5m', tmp_path), open_('osv5m', tmp_path, max_rows=2)
  assert set(first.extra) == set(whole.extra)
  assert first.extra['city'].tolist() == whole.extra['city'][:2].tolist()


def test_subsets_in_any_order(tmp_path):
  images = replicas.im2gps3k(tmp_path)
  rows = np.asarray([4, 0, 3])
  source = sources.Subset(open_('im2gps3k', tmp_path), rows)
  names = [list(images)[row] for row in rows]
  dataset_checks.same_images(source, {name: images[name] for name in names})


def test_csv_and_folder_read_what_synthetic_earth_writes(tmp_path):
  world = synthetic.picture_earth('tiny')
  root = world.write_folder(tmp_path / 'out', 'query_photo_new', processes=1)
  table, exif = open_('csv', root), open_('folder', root)
  photos = world.photos('query_photo_new')
  assert table.photos.ids.tolist() == photos.ids.tolist()
  assert table.read(3) == world.jpeg('query_photo_new', 3)
  assert sorted(exif.photos.ids) == sorted(f'{i}.jpg' for i in photos.ids)
  assert table.notes == exif.notes == ()


def test_synthetic_earth_travels_as_its_size_and_seed():
  source = open_('synthetic_earth', split='query_street', max_rows=None)
  assert isinstance(source, sources.PhotoSource)
  data = pickle.dumps(source)
  assert len(data) < 200
  copy = pickle.loads(data)
  assert copy.photos.fingerprint() == source.photos.fingerprint()
  world = synthetic.picture_earth('tiny')
  assert copy.read(5) == source.read(5) == world.jpeg('query_street', 5)
  other = open_('synthetic_earth', split='query_street', seed=1)
  assert other.photos.fingerprint() != source.photos.fingerprint()


def test_a_recorded_folder_keeps_the_photos_it_began_with(tmp_path):
  world = synthetic.picture_earth('tiny')
  root = world.write_folder(tmp_path / 'out', 'query_photo_new', processes=1)
  record = tmp_path / 'work' / 'photos.npz'
  for name in ('csv', 'folder'):
    begun = open_(name, root, record=record)
    resumed = open_(name, root, record=record)
    assert resumed.photos.fingerprint() == begun.photos.fingerprint()
    (root / str(begun.files[0])).unlink()
    resumed = open_(name, root, record=record)
    assert resumed.photos.fingerprint() == begun.photos.fingerprint()
    assert resumed.notes == begun.notes
    assert resumed.read(1) == begun.read(1)
    with pytest.raises(decode.BadImage, match='gone or became a link'):
      resumed.read(0)
    other = open_(name, root, record=record, max_rows=5, source='street')
    assert other.photos.source == 'street'
    assert len(open_(name, root).photos) == len(begun.photos) - 1
    record.write_bytes(record.read_bytes()[:-50])
    with pytest.raises(ValueError, match='photos.npz: not readable.*remove'):
      open_(name, root, record=record)
    record.unlink()


@pytest.mark.parametrize('name, options, complaint', [
    ('osv6m', {}, r"'osv6m': choices are \['commons26', 'csv', 'folder'"),
    ('osv5m', {'spilt': 'test'}, r"no options \['spilt'\].*'split'"),
    ('osv5m', {'split': 'val'}, "split 'val'"),
    ('yfcc4k', {'name': 'x'}, 'no options'),
    ('yfcc4k', {'max_rows': 0}, 'max_rows=0'),
    ('synthetic_earth', {}, 'has no files'),
])
def test_unknown_names_and_options_are_refused(tmp_path, name, options,
                                               complaint):
  with pytest.raises(ValueError, match=complaint):
    open_(name, tmp_path, **options)


def test_a_missing_root_and_an_unknown_split_are_refused():
  with pytest.raises(ValueError, match="'mp16_pro'.*needs a folder"):
    open_('mp16_pro')
  with pytest.raises(ValueError, match="split 'train'"):
    open_('synthetic_earth', split='train')


def test_every_name_says_its_options():
  for name in open_source.READERS:
    assert 'root' not in open_source.options_of(name)
  assert open_source.options_of('synthetic_earth') == (
      'size', 'seed', 'split', 'variant')


def test_a_licence_is_known_where_one_is_for_all():
  assert open_source.licence_of('osv5m') == 'CC BY-SA 4.0'
  assert open_source.licence_of('tfds:osv5m') == 'CC BY-SA 4.0'
  assert 'synthetic' in open_source.licence_of('synthetic_earth')
  assert open_source.licence_of('mp16_pro') == ''
