"""Own photos: what each is good for, told from its header, read once."""

import datetime
import io
import os

from input_pipeline.datasets import own_photos
from PIL import Image as PilImage
from pinpoint_jax.images import decode
import pytest

from tests.fixtures import dated_photos

DAY = datetime.date(2024, 5, 31)
HEIC = b'\0\0\0\x18ftypheic' + bytes(40)


def jpeg(lat=48.5, lng=-2.25, day=DAY, shade=0, gps=True):
  exif = PilImage.Exif()
  exif[0x010F], exif[0x0110] = 'Maker', 'Model 7'
  if gps:
    exif[0x8825] = {1: 'N', 2: (lat, 0., 0.), 3: 'W', 4: (-lng, 0., 0.)}
  out = io.BytesIO()
  PilImage.new('RGB', (8, 8), (shade, 0, 0)).save(out, 'JPEG', exif=exif)
  return dated_photos.dated(out.getvalue(), day, gps)


@pytest.fixture
def root(tmp_path):
  root = tmp_path / 'photos'
  (root / 'trip').mkdir(parents=True)
  for name, data in {
      'a.jpg': jpeg(shade=1), 'trip/b.jpg': jpeg(lat=10., day=None, shade=2),
      'copy.jpg': jpeg(shade=1), 'plain.jpg': jpeg(gps=False),
      'null.jpg': jpeg(0., 0., shade=3), 'page.jpg': b'<html>',
      'phone.heic': HEIC}.items():
    (root / name).write_bytes(data)
  return root


def scan(root, *streets, known=None, words=True):
  """A scan with the facts of before, which are replaced by those of now."""
  known = {} if known is None else known
  def keep(facts):
    known.clear()
    known.update((path, fact) for path, fact in facts.items()
                 if not fact.reason)
  return own_photos.scan([str(root)] * words, list(map(str, streets)),
                         dict(known), keep)


def test_every_file_is_counted_once(root):
  result = scan(root)
  a, b = str(root / 'a.jpg'), str(root / 'trip' / 'b.jpg')
  assert [(x.id, x.latlng_deg, x.origin, x.source) for x in result.tagged] == [
      (a, (48.5, -2.25), '2024-05-31', 'photo'),
      (b, (10., -2.25), str(root / 'trip'), 'photo')]
  assert result.num_undated == 1
  assert result.untagged == (str(root / 'null.jpg'), str(root / 'plain.jpg'))
  assert result.left_out == {'the same bytes as another': 1}
  reasons = {os.path.basename(x.path): x.reason for x in result.refused}
  if decode.pillow_heif is None:
    assert reasons == {'page.jpg': 'not_an_image', 'phone.heic': 'HEIC'}
    assert 'pinpoint_jax[heic]' in result.refused[1].text
  assert reasons['page.jpg'] == 'not_an_image'


def test_a_folder_of_street_views_is_none_of_photos(root):
  result = scan(root, root / 'trip')
  assert [x.source for x in result.tagged] == ['photo', 'street']
  assert [x.source for x in scan(root, root, words=False).tagged] == [
      'street', 'street']


def test_a_file_is_read_again_only_where_it_changed(root, monkeypatch):
  known, read = {}, []
  first = scan(root, known=known)
  whole = own_photos._bytes
  monkeypatch.setattr(own_photos, '_bytes',
                      lambda path: read.append(path) or whole(path))
  assert scan(root, known=known) == first
  # What gave no picture may do so after an installation.
  assert {os.path.basename(path) for path in read} == {
      'page.jpg', 'phone.heic'}
  read.clear()
  (root / 'a.jpg').write_bytes(jpeg(lat=11., shade=4) + b'longer')
  assert scan(root, known=known).tagged[0].latlng_deg == (11., -2.25)
  assert str(root / 'a.jpg') in read and str(root / 'copy.jpg') not in read


def test_the_camera_is_kept_nowhere(root):
  known = {}
  text = repr((scan(root, known=known), known))
  assert '2024-05-31' in text
  assert 'Maker' not in text and 'Model 7' not in text


def test_bytes_that_changed_after_the_look_are_refused(root):
  photos = own_photos.OwnPhotos(scan(root).tagged)
  assert photos.photos.sequences.tolist()[0] == '2024-05-31'
  assert set(photos.photos.authors) == {''}
  assert photos.read(0) == (root / 'a.jpg').read_bytes()
  (root / 'a.jpg').write_bytes(jpeg(shade=9))
  with pytest.raises(decode.BadImage, match='changed'):
    photos.read(0)
  (root / 'a.jpg').unlink()
  with pytest.raises(decode.BadImage, match='unreadable'):
    photos.read(0)


@pytest.mark.parametrize('text, day', [
    ('2024:02:29 23:59:59', '2024-02-29'), ('2023:02:29 10:00:00', ''),
    ('0000:00:00 00:00:00', ''), ('', ''), ('31.12.2024', '')])
def test_the_day_is_that_of_the_camera_s_clock(text, day):
  exif = PilImage.Exif()
  exif.get_ifd(0x8769)[0x9003] = text
  out = io.BytesIO()
  PilImage.new('RGB', (8, 8)).save(out, 'JPEG', exif=exif)
  assert decode.exif_day(decode.header(out.getvalue())) == day
