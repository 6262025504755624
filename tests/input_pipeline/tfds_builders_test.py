"""TFDS without TensorFlow: bytes in, the same bytes out, row by row."""

import io
import subprocess
import sys

from input_pipeline import csv_table, tfds_builders
from input_pipeline import order as orders
from input_pipeline import pipeline as pipelines
from input_pipeline.datasets import folder
from input_pipeline.picture_earth import dataset as synthetic
import numpy as np
from pinpoint_jax.images import decode
import pytest
import tensorflow_datasets as tfds

SPLITS = ('query_photo_new', 'query_street')


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  return tmp_path_factory.mktemp('tfds')


@pytest.fixture(scope='module')
def street(data_dir):
  builder = tfds_builders.SyntheticEarth(data_dir, 'tiny', 0, SPLITS)
  return tfds_builders.data_source(builder, 'query_street')


@pytest.mark.slow
def test_synthetic_earth_row_by_row(street):
  world = synthetic.picture_earth('tiny')
  photos = world.photos('query_street')
  assert len(street) == len(photos)
  for row in (0, 7, len(street) - 1):
    assert street[row]['image'] == world.jpeg('query_street', row)
    assert street[row]['id'].decode() == photos.ids[row]
    assert street[row]['sequence'].decode() == photos.sequences[row]
    assert street[row]['source'] == b'street'
    np.testing.assert_array_equal(street[row]['latlng_deg'],
                                  photos.latlng_deg[row])


def test_any_tfds_reader_finds_the_files(street, data_dir):
  del street
  config = f'tiny-seed0-{"-".join(SPLITS)}'
  builder = tfds.builder_from_directory(
      str(data_dir / 'synthetic_earth' / config / '1.0.0'))
  assert set(builder.info.splits) == set(SPLITS)
  assert builder.as_data_source('query_street')[0]['image'].shape[-1] == 3


def test_grain_reads_it_in_the_fixed_order_and_resumes(street):
  def collate(rows):
    return {'id': np.asarray([row['id'] for row in rows]),
            'image': np.stack([decode.decode(row['image']).pixels.mean((0, 1))
                               for row in rows])}
  def batches():
    return pipelines.Batches(pipelines.Pipeline(
        street, orders.Order(len(street), 1), 8, 'tiny', 'mean', collate))
  whole, begun, resumed = batches(), batches(), batches()
  expected = [next(whole) for _ in range(5)]
  next(begun), next(begun)
  resumed.restore(begun.state())
  for batch in expected[2:]:
    result = next(resumed)
    np.testing.assert_array_equal(result['id'], batch['id'])
    np.testing.assert_array_equal(result['image'], batch['image'])


def test_a_folder_of_own_photos(tmp_path, data_dir):
  world = synthetic.picture_earth('tiny')
  for row in range(3):
    (tmp_path / f'{row}.jpg').write_bytes(world.jpeg('query_street', row))
  (tmp_path / 'broken.jpg').write_bytes(b'')
  result = folder.read_folder(tmp_path)
  builder = tfds_builders.OwnPhotos({'main': result}, data_dir)
  source = tfds_builders.data_source(builder, 'main')
  assert [row['id'] for row in source] == [b'0.jpg', b'1.jpg', b'2.jpg']
  assert source[1]['image'] == world.jpeg('query_street', 1)
  np.testing.assert_allclose(source[2]['latlng_deg'],
                             world.photos('query_street').latlng_deg[2],
                             atol=1e-6)
  assert builder.info.metadata['notes'] == [
      f'{tmp_path}: 1 files left out: empty']


class CsvAndBytes:
  """A CSV of photos of which the second cannot be read."""

  def __init__(self, path):
    result = csv_table.read_photos_csv(path, 'photo')
    self.photos, self.notes = result.photos, result.notes

  def read(self, row):
    if row == 1:
      raise decode.BadImage('empty', 'the file has 0 bytes')
    out = io.BytesIO()
    decode.PilImage.new('RGB', (4, 4), (row, 0, 0)).save(out, 'PNG')
    return out.getvalue()


def test_what_cannot_be_read_is_listed_and_the_rest_stays(tmp_path, data_dir):
  path = tmp_path / 'photos.csv'
  path.write_text('id,lat,lng,author\na,1,2,Z\nb,3,4,Y\nc,5,6,\n')
  builder = tfds_builders.OwnPhotos({'main': CsvAndBytes(path)}, data_dir)
  source = tfds_builders.data_source(builder, 'main')
  assert [(row['id'], row['author']) for row in source] == [
      (b'a', b'Z'), (b'c', b'')]
  again = tfds.builder_from_directory(builder.data_dir)
  assert again.info.metadata['left_out'] == [
      {'split': 'main', 'id': 'b', 'reason': 'empty',
       'text': 'empty: the file has 0 bytes'}]


def test_other_data_has_another_folder(tmp_path, data_dir):
  for name, lat in (('one', 1), ('two', 2)):
    (tmp_path / f'{name}.csv').write_text(f'id,lat,lng\na,{lat},2\n')
  one, two = (tfds_builders.OwnPhotos(
      {'main': CsvAndBytes(tmp_path / f'{name}.csv')}, data_dir)
              for name in ('one', 'two'))
  assert one.data_dir != two.data_dir


def test_an_unknown_split_is_refused_with_the_choices(data_dir):
  builder = tfds_builders.SyntheticEarth(data_dir, 'tiny', 0, SPLITS)
  with pytest.raises(ValueError, match="'train'.*query_photo_new"):
    tfds_builders.data_source(builder, 'train')


def test_no_tensorflow():
  code = ('import sys; from input_pipeline import tfds_builders, pipeline; '
          'print("tensorflow" in sys.modules)')
  out = subprocess.run([sys.executable, '-c', code], capture_output=True,
                       text=True, check=True)
  assert out.stdout.strip() == 'False'
