"""Originals stay as they are, whatever leads to them; copies are new files."""

import hashlib
import os
import pathlib
import stat

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax.images import decode, gps_block
from pinpoint_jax.report import photo_copies
import pytest

from tests.fixtures import exif_blocks

PARIS = gps_block.Position((48.8566, 2.3522), 12.)


@pytest.fixture
def photo(tmp_path):
  """A photo whose bytes, time and mode are the same after the test."""
  path = tmp_path / 'photos' / 'a.jpg'
  path.parent.mkdir()
  path.write_bytes(exif_blocks.of_camera())
  path.chmod(0o640)
  def state():
    status = path.stat()
    return (hashlib.sha256(path.read_bytes()).hexdigest(), status.st_mtime_ns,
            status.st_mode, status.st_ino)
  before = state()
  yield path
  assert state() == before


def test_a_copy_has_the_place_and_the_rights_of_the_original(photo, tmp_path):
  copy = tmp_path / 'copies' / 'deep' / 'a.jpg'
  photo_copies.write_copy(photo, copy, PARIS)
  with PilImage.open(copy) as picture, PilImage.open(photo) as original:
    np.testing.assert_allclose(decode.exif_latlng_deg(picture),
                               (48.8566, 2.3522), atol=1e-6)
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(original))
  assert stat.S_IMODE(copy.stat().st_mode) == 0o640
  assert [p.name for p in copy.parent.iterdir()] == ['a.jpg']


def test_a_photo_that_may_only_be_read_is_copied(photo, tmp_path):
  photo_copies.write_copy(photo, tmp_path / 'c.jpg', PARIS)
  assert (tmp_path / 'c.jpg').stat().st_size > photo.stat().st_size


def test_a_file_that_is_there_stays_unless_told(photo, tmp_path):
  copy = tmp_path / 'c.jpg'
  copy.write_bytes(b'mine')
  with pytest.raises(ValueError, match='is there already and stays'):
    photo_copies.write_copy(photo, copy, PARIS)
  assert copy.read_bytes() == b'mine'
  photo_copies.write_copy(photo, copy, PARIS, overwrite=True)
  assert copy.read_bytes().startswith(b'\xff\xd8')
  assert sorted(p.name for p in tmp_path.iterdir()) == ['c.jpg', 'photos']



@pytest.mark.parametrize('overwrite', [False, True])
@pytest.mark.parametrize('way', ['itself', 'dots', 'symlink', 'hard link',
                                 'folder'])
def test_no_way_leads_a_copy_to_the_original(photo, tmp_path, way, overwrite):
  copy = {'itself': photo, 'dots': photo.parent / '..' / 'photos' / 'a.jpg',
          'symlink': tmp_path / 's.jpg', 'hard link': tmp_path / 'h.jpg',
          'folder': tmp_path / 'f' / 'a.jpg'}[way]
  if way == 'symlink':
    copy.symlink_to(photo)
  elif way == 'hard link':
    copy.hardlink_to(photo)
  elif way == 'folder':
    (tmp_path / 'f').symlink_to(photo.parent)
  with pytest.raises(ValueError, match='itself, which is never changed'):
    photo_copies.write_copy(photo, copy, PARIS, overwrite=overwrite)
  with pytest.raises(ValueError, match='itself, which is never changed'):
    photo_copies.write_sidecar(photo, copy, PARIS, overwrite=overwrite)


def test_another_case_is_the_original_where_the_disk_says_so(
    photo, tmp_path, monkeypatch):
  real = os.stat
  # As on a disk that knows no case.
  monkeypatch.setattr(photo_copies.os, 'stat', lambda path, **kw: real(
      str(path).replace('A.JPG', 'a.jpg'), **kw))
  with pytest.raises(ValueError, match='itself, which is never changed'):
    photo_copies.write_copy(photo, photo.with_name('A.JPG'), PARIS)


def test_overwriting_a_link_leaves_what_it_leads_to(photo, tmp_path):
  other, link = tmp_path / 'other', tmp_path / 'link.jpg'
  other.write_bytes(b'mine')
  link.symlink_to(other)
  with pytest.raises(ValueError, match='is there already'):
    photo_copies.write_copy(photo, link, PARIS)
  photo_copies.write_copy(photo, link, PARIS, overwrite=True)
  assert other.read_bytes() == b'mine' and not link.is_symlink()


def test_of_two_writers_the_first_stays(photo, tmp_path, monkeypatch):
  copy = tmp_path / 'c.jpg'
  # The other one finishes after the look.
  monkeypatch.setattr(photo_copies.os.path, 'lexists', lambda path: False)
  copy.write_bytes(b'mine')
  with pytest.raises(ValueError, match='is there already'):
    photo_copies.write_copy(photo, copy, PARIS)
  assert copy.read_bytes() == b'mine'


def link_to_secret(folder: pathlib.Path) -> pathlib.Path:
  (folder / 'secret').write_bytes(exif_blocks.encoded())
  (folder / 'x').symlink_to(folder / 'secret')
  return folder / 'x'


def pipe(folder: pathlib.Path) -> pathlib.Path:
  os.mkfifo(folder / 'x')
  return folder / 'x'


@pytest.mark.parametrize('make, complaint', [
    (link_to_secret, 'is a link: name the photo that it leads to'),
    (pipe, 'is a folder, pipe, socket or device'),
    (lambda folder: folder, 'is a folder, pipe, socket or device'),
    (lambda folder: folder / 'none.jpg', 'cannot be read: No such file'),
    (lambda folder: folder / 'nul\0.jpg', 'cannot be read: embedded null')])
def test_only_photos_are_read(tmp_path, make, complaint):
  folder = tmp_path / 'in'
  folder.mkdir()
  with pytest.raises(ValueError, match=complaint) as caught:
    photo_copies.write_copy(make(folder), tmp_path / 'c.jpg', PARIS)
  assert '\n' not in str(caught.value)
  assert [p.name for p in tmp_path.iterdir()] == ['in']


def test_a_huge_file_is_not_read(photo, tmp_path, monkeypatch):
  monkeypatch.setattr(photo_copies, 'MAX_FILE_BYTES', 100)
  with pytest.raises(ValueError, match='bytes, more than 100'):
    photo_copies.write_copy(photo, tmp_path / 'c.jpg', PARIS)


def test_a_refusal_names_the_photo_and_the_way_out(tmp_path):
  path = tmp_path / 'new\nline.gif'
  path.write_bytes(exif_blocks.encoded('GIF'))
  with pytest.raises(gps_block.NoCopy) as caught:
    photo_copies.write_copy(path, tmp_path / 'c.gif', PARIS)
  text = str(caught.value)
  assert r'new\nline.gif' in text and '\n' not in text
  assert 'sidecar (.xmp) can have it' in text
  assert [p.name for p in tmp_path.iterdir()] == ['new\nline.gif']


def test_a_place_of_the_camera_is_told_apart(tmp_path):
  path = tmp_path / 'a.jpg'
  path.write_bytes(exif_blocks.of_camera(gps=exif_blocks.gps_entries()))
  with pytest.raises(gps_block.HasPosition, match='a.jpg: no copy'):
    photo_copies.write_copy(path, tmp_path / 'c.jpg', PARIS)
  photo_copies.write_copy(path, tmp_path / 'c.jpg', PARIS, replace=True)


@pytest.mark.parametrize('name', ['taken/c.jpg', 'nul\0.jpg', 'x' * 300])
def test_a_path_that_cannot_be_written_is_a_line(photo, tmp_path, name):
  (tmp_path / 'taken').write_bytes(b'mine')
  with pytest.raises((ValueError, OSError)) as caught:
    photo_copies.write_copy(photo, tmp_path / name, PARIS)
  assert '\n' not in str(caught.value) and str(tmp_path)[:9] in str(
      caught.value)


def test_a_sidecar_lies_beside_the_photo_and_stays(photo):
  sidecar = photo_copies.sidecar_path(photo)
  assert sidecar.name == 'a.jpg.xmp' and sidecar.parent == photo.parent
  photo_copies.write_sidecar(photo, sidecar, PARIS)
  assert b'exif:GPSLatitude="48,51.396000N"' in sidecar.read_bytes()
  sidecar.write_bytes(b'edits of a raw developer')
  with pytest.raises(ValueError, match='is there already and stays'):
    photo_copies.write_sidecar(photo, sidecar, PARIS)
  assert sidecar.read_bytes() == b'edits of a raw developer'


def test_no_sidecar_of_no_photo(tmp_path):
  with pytest.raises(ValueError, match='cannot be read'):
    photo_copies.write_sidecar(tmp_path / 'a', tmp_path / 'a.xmp', PARIS)
  assert not list(tmp_path.iterdir())


def test_photos_of_several_folders_keep_what_differs(tmp_path):
  paths = [tmp_path / 'x' / 'a.jpg', tmp_path / 'y' / 'z' / 'a.jpg']
  out = tmp_path / 'out'
  assert photo_copies.copy_paths(paths, out) == [
      out / 'x' / 'a.jpg', out / 'y' / 'z' / 'a.jpg']
  assert photo_copies.copy_paths(paths[:1], out) == [out / 'a.jpg']
  assert photo_copies.copy_paths([], out) == []


def test_a_folder_where_a_copy_would_be_a_photo_is_refused(tmp_path):
  paths = [tmp_path / 'a.jpg', tmp_path / 'b' / 'a.jpg']
  paths[1].parent.mkdir()
  for path in paths:
    path.write_bytes(b'')
  with pytest.raises(ValueError, match='would be a copy and is a photo'):
    photo_copies.copy_paths(paths, tmp_path / 'b')
  with pytest.raises(ValueError, match='would be a copy and is a photo'):
    photo_copies.copy_paths(paths[:1], tmp_path)
