"""commons26 in miniature: one table, CSV or Parquet, and photos below."""

from input_pipeline import csv_table, open_source, sources
import numpy as np
import pytest

from tests.fixtures import dataset_checks, replicas

open_ = open_source.open_source


@pytest.mark.parametrize('parquet', [False, True])
def test_the_table_and_its_photos(tmp_path, parquet):
  images = replicas.commons26(tmp_path, parquet=parquet)
  source = open_('commons26', tmp_path)
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, images)
  assert source.photos.source == 'photo'
  assert source.photos.authors[[0, 1, 2]].tolist() == ['User 0'] * 2 + [
      'User 1']
  np.testing.assert_array_equal(source.photos.latlng_deg[4],
                                np.array(replicas.place(4), float))
  assert set(source.extra) == {'continent', 'taken'}
  assert '1 of 7 rows left out, no image file: row 6: gone0.jpg' in (
      source.notes[0])


def test_which_table_must_be_clear(tmp_path):
  with pytest.raises(ValueError, match='0 tables'):
    open_('commons26', tmp_path)
  images = replicas.commons26(tmp_path)
  replicas.write_table(tmp_path / 'more.csv', ('id', 'x'), [])
  with pytest.raises(ValueError, match='2 tables .*commons26.csv, more.csv'):
    open_('commons26', tmp_path)
  dataset_checks.same_images(
      open_('commons26', tmp_path, table='commons26.csv'), images)


def test_a_parquet_that_is_none_is_refused(tmp_path):
  (tmp_path / 'a.parquet').write_bytes(b'PAR1 but no more')
  with pytest.raises(ValueError, match='cannot be read as Parquet'):
    csv_table.read_photos_csv(tmp_path / 'a.parquet', 'photo')
