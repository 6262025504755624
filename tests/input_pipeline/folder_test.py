"""A folder of own photos: what is placed, what is left out, and why."""

import io
import os

from input_pipeline.datasets import file_photos, folder
import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import decode
import pytest


def jpeg(lat=48.5, lng=-2.25, gps=True, shade=0):
  exif = PilImage.Exif()
  if gps:
    exif[0x8825] = {1: 'N' if lat >= 0 else 'S', 2: (abs(lat), 0., 0.),
                    3: 'E' if lng >= 0 else 'W', 4: (abs(lng), 0., 0.)}
  out = io.BytesIO()
  PilImage.new('RGB', (8, 8), (shade, 0, 0)).save(out, 'JPEG', exif=exif)
  return out.getvalue()


@pytest.fixture
def root(tmp_path):
  root = tmp_path / 'photos'
  (root / 'trip').mkdir(parents=True)
  (root / 'b.jpg').write_bytes(jpeg(1, 2))
  (root / 'a.JPG').write_bytes(jpeg(-3, 4))
  (root / 'trip' / 'c.png').write_bytes(jpeg(5, -6))  # Content decides.
  return root


def reasons(source):
  return {entry.path: entry.reason for entry in source.quarantine}


def test_recursive_sorted_and_placed(root):
  (root / 'notes.txt').write_text('no picture')
  (root / '.thumbnails').mkdir()
  (root / '.thumbnails' / 'x.jpg').write_bytes(b'')
  source = folder.read_folder(root)
  assert source.photos.ids.tolist() == ['a.JPG', 'b.jpg', 'trip/c.png']
  np.testing.assert_allclose(source.photos.latlng_deg,
                             [[-3, 4], [1, 2], [5, -6]])
  assert source.quarantine == ()
  assert source.read(2) == (root / 'trip' / 'c.png').read_bytes()


def test_what_fails_is_quarantined_with_its_reason(root):
  whole = jpeg(7, 8, shade=9)
  (root / 'empty.jpg').write_bytes(b'')
  (root / 'page.jpg').write_bytes(b'<html>gone</html>')
  (root / 'half.jpg').write_bytes(whole[:-8])
  (root / 'nowhere.jpg').write_bytes(jpeg(gps=False))
  (root / 'null.jpg').write_bytes(jpeg(0, 0))
  source = folder.read_folder(root, max_failed_share=0.7)
  assert reasons(source) == {
      'empty.jpg': 'empty', 'half.jpg': 'truncated', 'nowhere.jpg': 'no_gps',
      'null.jpg': 'null_island', 'page.jpg': 'not_an_image'}
  assert len(source.photos) == 3
  assert f'{root}: 1 files left out: no_gps' in source.notes


def test_too_many_failures_stop_it_with_counts(root):
  for i in range(4):
    (root / f'x{i}.jpg').write_bytes(b'')
  with pytest.raises(ValueError,
                     match=r"4 of 7.*'empty': 4.*0.5.*'x0.jpg'"):
    folder.read_folder(root)
  (root / 'x3.jpg').unlink()  # Three of six are half, not above it.
  assert len(folder.read_folder(root).photos) == 3


def test_links_are_not_followed(root, tmp_path):
  outside = tmp_path / 'private'
  outside.mkdir()
  (outside / 'secret.jpg').write_bytes(jpeg(9, 9, shade=3))
  (root / 'file.jpg').symlink_to(outside / 'secret.jpg')
  (root / 'folder').symlink_to(outside)
  (root / 'again.jpg').symlink_to(root / 'a.JPG')
  (root / 'loop').symlink_to(root)
  source = folder.read_folder(root)
  assert reasons(source) == {
      'again.jpg': 'link_inside', 'file.jpg': 'link_outside',
      'folder': 'link_outside', 'loop': 'link_inside'}
  assert len(source.photos) == 3


def test_copies_are_kept_once_and_are_no_failures(root):
  for i in range(9):
    (root / f'copy{i}.jpg').write_bytes((root / 'b.jpg').read_bytes())
  source = folder.read_folder(root, max_failed_share=0)
  assert source.photos.ids.tolist() == ['a.JPG', 'b.jpg', 'trip/c.png']
  assert set(reasons(source).values()) == {'duplicate'}
  assert source.quarantine[0].text == "duplicate: the same bytes as 'b.jpg'"


def test_pipes_and_broken_names_do_not_hang_or_crash(root):
  os.mkfifo(root / 'pipe.jpg')
  with open(os.fsencode(root) + b'/\xff.jpg', 'wb') as file:
    file.write(jpeg())
  source = folder.read_folder(root)
  assert sorted(reasons(source).values()) == ['file_name', 'not_a_file']


def test_link_loops_and_links_to_nowhere_are_quarantined(root):
  (root / 'self.jpg').symlink_to('self.jpg')
  (root / 'one.jpg').symlink_to('two.jpg')
  (root / 'two.jpg').symlink_to('one.jpg')
  (root / 'gone.jpg').symlink_to('nowhere.jpg')
  source = folder.read_folder(root, max_failed_share=0.9)
  assert reasons(source) == dict.fromkeys(
      ['gone.jpg', 'one.jpg', 'self.jpg', 'two.jpg'], 'link_broken')
  assert len(source.photos) == 3


@pytest.mark.parametrize('name', [
    'a\nb.jpg', 'a\rb.jpg', 'a\u2028b.jpg', 'a\x85b.jpg', '\n.jpg'])
def test_a_name_of_several_lines_is_quarantined(root, name):
  (root / name).write_bytes(jpeg(7, 8, shade=9))
  source = folder.read_folder(root)
  assert reasons(source) == {name: 'file_name'}
  assert len(source.quarantine[0].text.splitlines()) == 1


def unreadable(source, row):
  with pytest.raises(decode.BadImage) as caught:
    source.read(row)
  assert 'SECRET' not in str(caught.value)
  return caught.value.reason


def test_a_photo_that_changes_after_the_listing_is_no_photo(root, tmp_path):
  source = folder.read_folder(root)
  secret = tmp_path / 'SECRETS'
  secret.mkdir()
  (secret / 'c.png').write_text('SECRET')
  for name in ('a.JPG', 'b.jpg'):
    (root / name).unlink()
  (root / 'a.JPG').symlink_to(secret / 'c.png')
  assert unreadable(source, 0) == 'unreadable'  # Became a link.
  assert unreadable(source, 1) == 'unreadable'  # Is gone.
  (root / 'b.jpg').mkdir()
  assert unreadable(source, 1) == 'not_a_file'
  (root / 'b.jpg').rmdir()
  os.mkfifo(root / 'b.jpg')
  assert unreadable(source, 1) == 'not_a_file'
  (root / 'trip').rename(root / 'moved')
  (root / 'trip').symlink_to(secret)
  assert unreadable(source, 2) == 'unreadable'  # Its folder became a link.


def test_a_folder_that_is_gone_ends_the_job(root):
  source = folder.read_folder(root)
  root.rename(root.with_name('elsewhere'))
  with pytest.raises(FileNotFoundError, match='photos'):
    source.read(0)


def test_large_files_are_not_read(root, monkeypatch):
  monkeypatch.setattr(file_photos, 'MAX_FILE_BYTES', 10)
  with pytest.raises(ValueError, match="'too_large': 3"):
    folder.read_folder(root)


def test_nothing_to_read(tmp_path):
  with pytest.raises(ValueError, match='holds no picture files'):
    folder.read_folder(tmp_path)
  with pytest.raises(ValueError, match='is not a folder'):
    folder.read_folder(tmp_path / 'missing')
  (tmp_path / 'x.jpg').write_bytes(b'')
  with pytest.raises(ValueError, match='none of 1'):
    folder.read_folder(tmp_path, max_failed_share=1)
  with pytest.raises(ValueError, match='max_failed_share=2'):
    folder.read_folder(tmp_path, max_failed_share=2.)
