"""A folder of own photos: what is placed, what is left out, and why."""

import io
import os

from input_pipeline.datasets import folder
import numpy as np
from PIL import Image as PilImage
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


def reasons(found):
  return {q.path: q.reason for q in found.quarantine}


def test_recursive_sorted_and_placed(root):
  (root / 'notes.txt').write_text('no picture')
  (root / '.thumbnails').mkdir()
  (root / '.thumbnails' / 'x.jpg').write_bytes(b'')
  found = folder.read_folder(root)
  assert found.photos.ids.tolist() == ['a.JPG', 'b.jpg', 'trip/c.png']
  np.testing.assert_allclose(found.photos.latlng_deg,
                             [[-3, 4], [1, 2], [5, -6]])
  assert found.quarantine == ()
  assert found.read(2) == (root / 'trip' / 'c.png').read_bytes()


def test_what_fails_is_quarantined_with_its_reason(root):
  whole = jpeg(7, 8, shade=9)
  (root / 'empty.jpg').write_bytes(b'')
  (root / 'page.jpg').write_bytes(b'<html>gone</html>')
  (root / 'half.jpg').write_bytes(whole[:-8])
  (root / 'nowhere.jpg').write_bytes(jpeg(gps=False))
  (root / 'null.jpg').write_bytes(jpeg(0, 0))
  found = folder.read_folder(root, max_failed_share=0.7)
  assert reasons(found) == {
      'empty.jpg': 'empty', 'half.jpg': 'truncated', 'nowhere.jpg': 'no_gps',
      'null.jpg': 'null_island', 'page.jpg': 'not_an_image'}
  assert len(found.photos) == 3
  assert f'{root}: 1 files left out: no_gps' in found.notes


def test_too_many_failures_stop_it_with_counts(root):
  for i in range(4):
    (root / f'x{i}.jpg').write_bytes(b'')
  with pytest.raises(folder.BadFolder,
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
  found = folder.read_folder(root)
  assert reasons(found) == {
      'again.jpg': 'link_inside', 'file.jpg': 'link_outside',
      'folder': 'link_outside', 'loop': 'link_inside'}
  assert len(found.photos) == 3


def test_copies_are_kept_once_and_are_no_failures(root):
  for i in range(9):
    (root / f'copy{i}.jpg').write_bytes((root / 'b.jpg').read_bytes())
  found = folder.read_folder(root, max_failed_share=0)
  assert found.photos.ids.tolist() == ['a.JPG', 'b.jpg', 'trip/c.png']
  assert set(reasons(found).values()) == {'duplicate'}
  assert found.quarantine[0].text == 'the same bytes as b.jpg'


def test_pipes_and_broken_names_do_not_hang_or_crash(root):
  os.mkfifo(root / 'pipe.jpg')
  with open(os.fsencode(root) + b'/\xff.jpg', 'wb') as file:
    file.write(jpeg())
  found = folder.read_folder(root)
  assert sorted(reasons(found).values()) == ['file_name', 'not_a_file']


def test_large_files_are_not_read(root, monkeypatch):
  monkeypatch.setattr(folder, 'MAX_FILE_BYTES', 10)
  with pytest.raises(folder.BadFolder, match="'too_large': 3"):
    folder.read_folder(root)


def test_nothing_to_read(tmp_path):
  with pytest.raises(folder.BadFolder, match='holds no picture files'):
    folder.read_folder(tmp_path)
  with pytest.raises(folder.BadFolder, match='is no folder'):
    folder.read_folder(tmp_path / 'missing')
  (tmp_path / 'x.jpg').write_bytes(b'')
  with pytest.raises(folder.BadFolder, match='none of 1'):
    folder.read_folder(tmp_path, max_failed_share=1)
  with pytest.raises(ValueError, match='max_failed_share=2'):
    folder.read_folder(tmp_path, max_failed_share=2.)
