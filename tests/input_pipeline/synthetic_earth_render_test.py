import csv
import hashlib
import io
import pathlib
import subprocess
import sys

from input_pipeline.synthetic_earth import (
  contact_sheet,
  folders,
  render_photo,
  rendering,
  splits,
)
from input_pipeline.synthetic_earth import dataset as synthetic
import numpy as np
from PIL import ExifTags
from PIL import Image as PilImage
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tiny():
  return synthetic.SyntheticEarth('tiny', seed=0)


def _gps(file: bytes) -> tuple[float, float]:
  tags = PilImage.open(io.BytesIO(file)).getexif().get_ifd(
      ExifTags.IFD.GPSInfo)
  def degrees(value, ref):
    d, m, s = map(float, value)
    return (d + m / 60 + s / 3600) * (-1 if ref in 'SW' else 1)
  return (degrees(tags[2], tags[1]), degrees(tags[4], tags[3]))


@pytest.mark.parametrize('split', splits.SPLITS)
def test_pictures_are_rgb_of_valid_size_and_not_flat(tiny, split):
  for row in range(20):
    image = tiny.image(split, row)
    assert image.dtype == np.uint8 and image.shape[2] == 3
    assert 64 <= min(image.shape[:2]) and max(image.shape[:2]) <= 160
    assert image.std() > 2


def test_any_photo_renders_alone_and_in_any_order(tiny):
  rows = [7, 0, 3]
  forward = {row: tiny.image('query_street', row) for row in rows}
  again = synthetic.SyntheticEarth('tiny', seed=0)
  for row in reversed(rows):
    np.testing.assert_array_equal(
        forward[row], again.image('query_street', row))


def test_another_process_renders_the_same_file(tiny):
  code = ('import hashlib; from input_pipeline.synthetic_earth import dataset;'
          'd = dataset.SyntheticEarth("tiny", 0);'
          'print(hashlib.sha256(d.jpeg("gallery_photo", 5)'
          '+ d.jpeg("gallery_street", 5)).hexdigest())')
  ours = hashlib.sha256(tiny.jpeg('gallery_photo', 5)
                        + tiny.jpeg('gallery_street', 5)).hexdigest()
  theirs = subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True,
                          capture_output=True, text=True).stdout.strip()
  assert theirs == ours


def test_no_two_photos_are_alike(tiny):
  files = [tiny.jpeg('gallery_photo', row) for row in range(40)]
  assert len(set(files)) == len(files)


@pytest.mark.parametrize('split,row,means', [
    ('gallery_photo', 0, (193.3, 204.5, 172.8)),
    ('gallery_photo', 3, (85.9, 87.5, 106.6)),
    ('gallery_photo', 100, (67.4, 77.9, 105.3)),
    ('gallery_street', 0, (35.0, 50.8, 69.1)),
    ('gallery_street', 3, (32.9, 57.2, 72.5)),
    ('gallery_street', 100, (127.9, 121.0, 117.5))])
def test_pixels_stay_within_a_grey_level(tiny, split, row, means):
  np.testing.assert_allclose(
      tiny.image(split, row).mean((0, 1)), means, rtol=0, atol=1)


def test_a_quarter_of_the_photos_show_little_of_the_place(tiny):
  blind = [render_photo.is_blind(tiny.shot(split, row))
           for split in ('gallery_photo', 'query_photo_new')
           for row in range(len(tiny.photos(split)))]
  assert abs(np.mean(blind) - render_photo.BLIND_SHARE) < 0.06


@pytest.mark.parametrize('split', ['gallery_photo', 'query_street'])
def test_exif_gives_the_place_back(tiny, split):
  for row in range(10):
    np.testing.assert_allclose(
        _gps(tiny.jpeg(split, row)), tiny.photos(split).latlng_deg[row],
        rtol=0, atol=1e-9)


@pytest.mark.parametrize('place', [
    (0.0, 0.0), (-0.000001, 179.999999), (89.999999, -180.0),
    (-33.999999, -0.5), (12.0, 59.9999995)])
def test_exif_at_awkward_places(place):
  file = rendering.encoded(np.zeros((8, 8, 3), np.uint8), *place)
  np.testing.assert_allclose(_gps(file), place, rtol=0, atol=6e-7)


def test_a_folder_holds_the_table_and_a_file_per_row(tiny, tmp_path):
  out = tiny.write_folder(tmp_path / 'data' / 'q', 'query_street', 1)
  with (out / folders.TABLE).open(newline='') as file:
    rows = list(csv.DictReader(file))
  photos = tiny.photos('query_street')
  assert [row['id'] for row in rows] == photos.ids.tolist()
  assert [float(row['lat']) for row in rows] == photos.latlng_deg[:, 0].tolist()
  assert [row['sequence'] for row in rows] == photos.sequences.tolist()
  assert (out / f'{photos.ids[2]}.jpg').read_bytes() == tiny.jpeg(
      'query_street', 2)
  assert len(list(out.glob('*.jpg'))) == len(photos)
  assert [p.name for p in out.parent.iterdir()] == ['q']


def test_two_processes_write_what_one_writes(tiny, tmp_path, monkeypatch):
  monkeypatch.setattr(folders, '_CHUNK', 20)
  single = tiny.write_folder(tmp_path / 'one', 'query_photo_new', 1)
  two = tiny.write_folder(tmp_path / 'two', 'query_photo_new', 2)
  for path in single.iterdir():
    assert path.read_bytes() == (two / path.name).read_bytes()


def test_a_folder_of_ours_is_replaced_and_a_stranger_s_is_not(tiny, tmp_path):
  ours = tiny.write_folder(tmp_path / 'ours', 'query_street', 1)
  (ours / 'stale.jpg').write_bytes(b'')
  tiny.write_folder(ours, 'query_street', 1)
  assert not (ours / 'stale.jpg').exists()
  (tmp_path / 'theirs').mkdir()
  (tmp_path / 'theirs' / 'holiday.jpg').write_bytes(b'')
  with pytest.raises(FileExistsError, match='left alone'):
    tiny.write_folder(tmp_path / 'theirs', 'query_street', 1)
  assert (tmp_path / 'theirs' / 'holiday.jpg').exists()


def test_a_failed_rendering_leaves_nothing(tiny, tmp_path, monkeypatch):
  def fail(shot):
    raise OSError('disk full')
  monkeypatch.setattr(rendering, 'jpeg', fail)
  with pytest.raises(OSError, match='disk full'):
    tiny.write_folder(tmp_path / 'out', 'query_street', 1)
  assert not list(tmp_path.iterdir())


def test_the_contact_sheet_shows_photos_and_streets(tiny):
  sheet = contact_sheet.contact_sheet(tiny, num_countries=2, num_each=2)
  assert sheet.mode == 'RGB' and sheet.width > 4 * 100
  assert np.asarray(sheet).std() > 10
