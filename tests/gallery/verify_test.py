"""Whatever byte of a gallery is touched, verify names its file."""

import shutil

import numpy as np
from pinpoint_jax.disk import files as disk
from pinpoint_jax.gallery import layout, update, verify
import pytest

from tests.fixtures import seals
from tests.fixtures import tiny_gallery as tiny


@pytest.fixture(scope='module')
def built(tmp_path_factory):
  folder = tmp_path_factory.mktemp('built')
  photo = tiny.make_store(folder / 'p', tiny.names('p', 12))
  street = tiny.make_store(folder / 's', tiny.names('s', 8), 'street')
  tiny.build(folder / 'g', [photo])
  tiny.add(folder / 'g', [street])
  update.remove(folder / 'g', np.array(['p3']))
  return folder / 'g'


@pytest.fixture
def copy(built, tmp_path):
  return shutil.copytree(built, tmp_path / 'g')


def test_a_sound_gallery_is_counted(built):
  opened = verify.verify(built)
  assert opened == opened | {
      'rows': 20, 'taken_down': 1, 'photo': 11, 'street': 8, 'segments': 2,
      'leftovers': 0, 'embedder': 'feed', 'raw': 'float16'}


def test_every_flipped_bit_is_found(built, copy):
  for name, data in tiny.content(built).items():
    if name == layout.MANIFEST or not data:
      continue
    (copy / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(layout.BadGallery, match=name.split('/')[-1]):
      verify.verify(copy)
    (copy / name).write_bytes(data)
  assert verify.verify(copy)['rows'] == 20


def test_unknown_files_are_named_and_leftovers_counted(copy):
  (copy / 'segments' / '.new.0.tmp').mkdir()
  (copy / 'index').mkdir()
  (copy / 'run.json').write_text('{}')
  assert verify.verify(copy)['leftovers'] == 1
  (copy / 'notes.txt').write_text('')
  with pytest.raises(layout.BadGallery, match='notes.txt is in the folder but'):
    verify.verify(copy)


def test_a_changed_record_of_the_build_is_named(copy):
  seals.flip(copy / layout.BUILD, 20)
  with pytest.raises(layout.BadGallery, match='build.json: .*remove that file'):
    verify.verify(copy)


def plant(path, name, values):
  """Writes values of the same size and makes the checksum fit."""
  segments = layout.read_manifest(path)['segments']
  file = path / layout.SEGMENTS / segments[0]['name'] / name
  data = values if isinstance(values, bytes) else values.tobytes()
  assert len(data) == file.stat().st_size
  file.write_bytes(data)
  segments[0]['files'][name]['xxh3_128'] = disk.checksum(file)
  seals.reseal(path, layout.KIND, segments=segments)


IDS = ''.join(f'{i}\n' for i in sorted(tiny.names('p', 12))).encode()


@pytest.mark.parametrize('name, values, words', [
    ('z_image.f16.bin', np.full((12, 8), np.nan, '<f2'),
     'channel image: 12 rows do not have length 1, the first is row 0'),
    ('z_image.f16.bin', np.zeros((12, 8), '<f2'), 'channel image: 12 rows'),
    ('z_location.f16.bin', np.full((12, 8), .1, '<f2'),
     'channel location: 12 rows'),
    ('raw.f16.bin', np.eye(12, 6, dtype='<f2'), 'channel raw: 6 rows'),
    ('latlng_deg.f32.bin', np.full((12, 2), 91, '<f4'), 'latlng_deg.f32.bin'),
    ('source.u8.bin', np.full(12, 7, 'u1'), 'holds a source that is none of'),
    ('country.i32.bin', np.full(12, 99, '<i4'), 'names line 99 in row 0'),
    ('ids.txt', IDS.replace(b'p2', b'p9'), r'does not follow'),
    ('ids.txt', IDS.replace(b'p2', b'\xff2'), r'ids.txt is no UTF-8'),
    ('ids.i64.bin', np.zeros(13, '<i8'), 'does not fit the lines of ids.txt'),
])
def test_what_no_checksum_shows(copy, name, values, words):
  plant(copy, name, values)
  with pytest.raises(layout.BadGallery, match=words):
    verify.verify(copy)


def test_a_place_of_which_nothing_is_known_is_no_fault(copy):
  plant(copy, 'z_location.f16.bin', np.zeros((12, 8), '<f2'))
  assert verify.verify(copy)['rows'] == 20


def test_an_id_in_two_segments(copy):
  data = IDS.replace(b'p9', b's7').replace(b'p2', b'p2')
  plant(copy, 'ids.txt', data)
  with pytest.raises(layout.BadGallery, match="1 ids of segment .*'s7'"):
    verify.verify(copy)
