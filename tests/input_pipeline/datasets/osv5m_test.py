"""OSV-5M in miniature: zip shards read where they lie."""

import io
import zipfile

from input_pipeline import sources
from input_pipeline.datasets import file_photos, osv5m
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.images import decode
import pytest

from tests.fixtures import dataset_checks, replicas


@pytest.mark.parametrize('folders', [True, False])
def test_every_row_gives_its_image(tmp_path, folders):
  images = replicas.osv5m(tmp_path, folders=folders)
  source = osv5m.read_osv5m(tmp_path)
  assert isinstance(source, sources.PhotoSource)
  dataset_checks.same_images(source, images)
  assert source.photos.source == 'street'


def test_the_counts_add_up(tmp_path):
  images = replicas.osv5m(tmp_path, per_shard=(3, 4), absent=2, unlisted=1)
  source = osv5m.read_osv5m(tmp_path)
  assert len(source.photos) == len(images) == 7
  shards, rows, unused = source.notes
  assert '3 of 5 shards are not here, the first is 02.zip' in shards
  assert '2 of 9 rows left out, no image: row ' in rows
  assert '2 images left out: in no row' in unused


def test_columns_of_the_table_go_where_they_belong(tmp_path):
  replicas.osv5m(tmp_path, absent=0)
  source = osv5m.read_osv5m(tmp_path)
  ids = source.photos.ids.tolist()
  assert source.photos.authors.tolist() == [
      str(1000 + i % 3) for i in range(len(ids))]
  assert source.photos.sequences.tolist() == [
      f's{i // 2}' for i in range(len(ids))]
  assert source.photos.latlng_deg[4].tolist() == [
      float(text) for text in replicas.place(4)]
  assert set(source.extra) == set(osv5m.EXTRA)
  assert source.extra['city'][3] == 'town "3", x'
  assert source.extra['unique_city'].tolist() == [
      f'FR_{i % 3}' for i in range(len(ids))]


def test_other_splits_and_columns(tmp_path):
  images = replicas.osv5m(tmp_path, 'train')
  source = osv5m.read_osv5m(tmp_path, 'train', extra=('climate',))
  assert list(source.extra) == ['climate']
  dataset_checks.same_images(source, images)
  with pytest.raises(ValueError, match="'val': choices are"):
    osv5m.read_osv5m(tmp_path, 'val')
  with pytest.raises(ValueError, match=r"\['altitude'\] are missing"):
    osv5m.read_osv5m(tmp_path, 'train', extra=('altitude',))
  with pytest.raises(ValueError, match='no shards'):
    osv5m.read_osv5m(tmp_path, 'test')


def edit_table(root, old, new):
  path = root / 'test.csv'
  text = path.read_text()
  assert old in text
  path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize('latlng', ['nan,1', '91,0', '0,0', '1_0,1', 'x,2'])
def test_rows_that_are_no_place_are_refused_or_counted(tmp_path, latlng):
  images = replicas.osv5m(tmp_path, absent=0)
  edit_table(tmp_path, ','.join(replicas.place(2)), latlng)
  with pytest.raises(coords.BadCoordinates, match='1 of 7 rows.*row 2.*leave_'):
    osv5m.read_osv5m(tmp_path)
  source = osv5m.read_osv5m(tmp_path, bad_rows='leave_out')
  assert len(source.photos) == len(images) - 1
  assert any('1 of 7 rows left out, no place: row 2' in note
             for note in source.notes)


def test_duplicates_ragged_rows_and_odd_choices(tmp_path):
  images = replicas.osv5m(tmp_path)
  path = tmp_path / 'test.csv'
  lines = path.read_text().splitlines()
  name = next(iter(images))
  again = next(line for line in lines if line.startswith(name + ','))
  path.write_text('\n'.join([*lines, again]) + '\n')
  with pytest.raises(ValueError, match=f'duplicate: row 9: {name}'):
    osv5m.read_osv5m(tmp_path)
  dataset_checks.same_images(osv5m.read_osv5m(tmp_path, duplicates='first'),
                             images)
  path.write_text('\n'.join([*lines, '1,2']) + '\n')
  with pytest.raises(ValueError, match='row 9 does not have 32'):
    osv5m.read_osv5m(tmp_path)
  with pytest.raises(ValueError, match="bad_rows='keep': choices"):
    osv5m.read_osv5m(tmp_path, bad_rows='keep')


def test_a_table_of_other_images_is_refused(tmp_path):
  replicas.osv5m(tmp_path)
  path = tmp_path / 'test.csv'
  path.write_text(path.read_text().replace('\n', '\nq'))
  with pytest.raises(ValueError, match='none of 10 rows has an image|'
                     'does not have 32'):
    osv5m.read_osv5m(tmp_path)


def test_a_cut_zip_is_named(tmp_path):
  replicas.osv5m(tmp_path)
  path = tmp_path / 'images' / 'test' / '01.zip'
  path.write_bytes(path.read_bytes()[:-30])
  with pytest.raises(ValueError, match=r'01\.zip.*fetch it again'):
    osv5m.read_osv5m(tmp_path)


@pytest.mark.parametrize('shard', ['00', '01'])
def test_a_flipped_bit_quarantines_one_photo(tmp_path, shard):
  images = replicas.osv5m(tmp_path, absent=0)
  path = tmp_path / 'images' / 'test' / f'{shard}.zip'
  with zipfile.ZipFile(path) as file:
    name = file.namelist()[1]
    start = file.getinfo(name).header_offset + 30 + len(name) + 40
  data = bytearray(path.read_bytes())
  data[start] ^= 8
  path.write_bytes(data)
  source = osv5m.read_osv5m(tmp_path)
  bad = name.rsplit('/')[-1].removesuffix('.jpg')
  for row, photo in enumerate(source.photos.ids):
    if photo != bad:
      assert source.read(row) == images[photo]
      continue
    with pytest.raises(decode.BadImage, match=bad) as caught:
      source.read(row)
    assert caught.value.reason == 'damaged'


def test_a_shard_that_changes_under_the_reader_is_refused(tmp_path):
  replicas.osv5m(tmp_path)
  source = osv5m.read_osv5m(tmp_path)
  for path in (tmp_path / 'images' / 'test').glob('*.zip'):
    path.write_bytes(path.read_bytes() + b'\0')
  with pytest.raises(ValueError, match='changed after'):
    source.read(0)


def test_large_members_are_refused_unread(tmp_path, monkeypatch):
  replicas.osv5m(tmp_path)
  source = osv5m.read_osv5m(tmp_path)
  monkeypatch.setattr(file_photos, 'MAX_FILE_BYTES', 10)
  with pytest.raises(decode.BadImage) as caught:
    source.read(0)
  assert caught.value.reason == 'too_large'


def add(root, info, data=b'x'):
  path = root / 'images' / 'test' / '00.zip'
  with zipfile.ZipFile(path, 'a') as file:
    file.writestr(info, data)


def test_links_are_left_out_and_hostile_names_stay_names(tmp_path):
  images = replicas.osv5m(tmp_path)
  link = zipfile.ZipInfo('00/501.jpg')
  link.external_attr = 0o120777 << 16
  add(tmp_path, link, b'/etc/passwd')
  add(tmp_path, '../../../escaped.jpg')
  add(tmp_path, '/root.jpg')
  source = osv5m.read_osv5m(tmp_path)
  dataset_checks.same_images(source, images)
  assert source.notes[0] == '1 links in zips left out'
  assert not list(tmp_path.rglob('escaped*'))


def test_other_packing_is_refused(tmp_path):
  replicas.osv5m(tmp_path)
  odd = zipfile.ZipInfo('00/7.jpg')
  odd.compress_type = zipfile.ZIP_LZMA
  add(tmp_path, odd, b'x' * 99)
  with pytest.raises(ValueError, match="'00/7.jpg'.*method 14"):
    osv5m.read_osv5m(tmp_path)


def test_a_member_that_lies_about_its_size_is_damaged(tmp_path):
  replicas.osv5m(tmp_path)
  path = tmp_path / 'images' / 'test' / '01.zip'
  source = osv5m.read_osv5m(tmp_path)
  with zipfile.ZipFile(path) as file:
    deflated = {info.filename[3:-4] for info in file.infolist()}
  row = next(i for i, name in enumerate(source.photos.ids) if name in deflated)
  table = np.array(source.table)
  table[row, 2] -= 5  # The directory says five bytes less.
  object.__setattr__(source, 'table', table)
  with pytest.raises(decode.BadImage, match='size and CRC'):
    source.read(row)


def test_zip_members_read_as_zipfile_reads_them(tmp_path):
  """The twin: zipfile itself, on zips with a comment and a foreign head."""
  images = replicas.osv5m(tmp_path, absent=0)
  path = tmp_path / 'images' / 'test' / '00.zip'
  body = io.BytesIO(path.read_bytes())
  with zipfile.ZipFile(body, 'a') as file:
    file.comment = b'a comment'
  path.write_bytes(b'#!/bin/sh\n' + body.getvalue())
  dataset_checks.same_images(osv5m.read_osv5m(tmp_path), images)
