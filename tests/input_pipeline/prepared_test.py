"""A published layout, prepared once, is the same photos as tfds:NAME."""

from input_pipeline import open_source, sources, tfds_builders
import numpy as np
import pytest

from tests.fixtures import dataset_checks, replicas


def test_tfds_name_opens_what_was_prepared(tmp_path):
  images = replicas.osv5m(tmp_path / 'data')
  plain = open_source.open_source('osv5m', tmp_path / 'data')
  folder = tfds_builders.prepare('osv5m', {'test': plain}, tmp_path / 'out')
  source = open_source.open_source('tfds:osv5m', tmp_path / 'out',
                                   split='test')
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, images)
  assert source.photos.fingerprint() == plain.photos.fingerprint()
  assert source.notes == plain.notes
  assert dict(source.extra)['city'].tolist() == plain.extra['city'].tolist()
  first = open_source.open_source('tfds:osv5m', tmp_path / 'out',
                                  split='test', max_rows=2)
  assert first.photos.ids.tolist() == list(images)[:2]
  with pytest.raises(ValueError, match=r"'train' is none of \['test'\]"):
    open_source.open_source('tfds:osv5m', tmp_path / 'out', split='train')
  with pytest.raises(ValueError, match='prepare_tfds writes it'):
    open_source.open_source('tfds:yfcc4k', tmp_path / 'out')
  with pytest.raises(ValueError, match='tfds:osv6m.*and tfds:NAME'):
    open_source.open_source('tfds:osv6m', tmp_path / 'out')
  # A table that was not written is written by the same call.
  (folder / 'photos-test.npz').unlink()
  tfds_builders.prepare('osv5m', {'test': plain}, tmp_path / 'out')
  with pytest.raises(ValueError, match="has the splits \\['test'\\], not"):
    tfds_builders.prepare('osv5m', {'train': plain}, tmp_path / 'out')


def test_what_cannot_be_read_is_left_out_of_the_table(tmp_path):
  images = replicas.im2gps3k(tmp_path / 'data')
  gone = sorted((tmp_path / 'data' / 'im2gps3ktest').glob('*@N00.jpg'))[1]
  plain = open_source.open_source('im2gps3k', tmp_path / 'data')
  gone.unlink()
  tfds_builders.prepare('im2gps3k', {'main': plain}, tmp_path / 'out')
  source = open_source.open_source('tfds:im2gps3k', tmp_path / 'out')
  del images[gone.name]
  dataset_checks.same_images(source, images)
  path = tmp_path / 'out/own_photos/im2gps3k/1.0.0/photos-main.npz'
  path.write_bytes(path.read_bytes()[:100])
  with pytest.raises(ValueError, match='cannot be read .*: remove it'):
    open_source.open_source('tfds:im2gps3k', tmp_path / 'out')
  other = sources.Subset(plain, np.arange(2))
  path.unlink()
  tfds_builders.prepare('im2gps3k', {'main': plain}, tmp_path / 'out')
  with pytest.raises(ValueError, match='other photos of main'):
    tfds_builders.prepare('im2gps3k', {'main': other}, tmp_path / 'out')
