"""The feature store: what numpy alone reads, and what is found to be broken."""

import json

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import sealed
from pinpoint_jax.features import store, store_writer, verify
import pytest

from tests.fixtures import seals

NUM, DIM = 6, 4


def photos(**changes):
  columns = dict(
      ids=np.asarray(['a', 'b', 'é', 'd 4', 'e', 'f'], np.str_),
      latlng_deg=np.asarray([[1.5, 2.25], [-90, 180], [90, -180], [0.5, 0],
                             [3, 3], [4, 4.]]),
      authors=np.asarray(['z', '', 'y', 'z', '', 'y'], np.str_),
      sequences=np.full(NUM, '', np.str_), source='street')
  return types.Photos(**columns | changes)


FEATURES = np.arange(NUM * DIM, dtype=np.float32).reshape(NUM, DIM) / 8


def make(path, table=None, features=FEATURES, quarantine=(), chunk=4,
         backbone='vit', preprocess='resize(8)'):
  chunks = (features[i:i + chunk] for i in range(0, len(features), chunk))
  facts = store_writer.FeatureOrigin(backbone, 'abc', preprocess, ('a note',))
  table = photos() if table is None else table
  return store_writer.write(path, table, chunks, DIM, facts, quarantine)


@pytest.fixture
def path(tmp_path):
  make(tmp_path / 'store', quarantine=[{'id': 'g', 'reason': 'empty'}])
  return tmp_path / 'store'


def test_numpy_alone_reads_it(path):
  manifest = json.loads((path / 'manifest.json').read_text())
  shape = manifest['rows'], manifest['dim']
  np.testing.assert_array_equal(
      np.fromfile(path / 'features.f16.bin', np.float16).reshape(shape),
      FEATURES)
  np.testing.assert_array_equal(
      np.fromfile(path / 'latlng_deg.f32.bin', np.float32).reshape(-1, 2)[:2],
      [[1.5, 2.25], [-90, 180]])
  assert (path / 'ids.txt').read_text('utf-8').split('\n')[2] == 'é'
  assert np.fromfile(path / 'author.i32.bin', np.int32).tolist() == [
      1, -1, 0, 1, -1, 0]
  assert (path / 'authors.txt').read_text() == 'y\nz\n'
  assert manifest['quarantined'] == 1 and not manifest['normalized']


def test_what_was_written_is_read(path):
  actual = store.open_store(path)
  assert len(actual) == NUM and actual.photos.source == 'street'
  np.testing.assert_array_equal(actual.photos.ids, photos().ids)
  np.testing.assert_array_equal(actual.photos.authors, photos().authors)
  np.testing.assert_array_equal(actual.photos.sequences, photos().sequences)
  np.testing.assert_array_equal(actual.photos.latlng_deg, photos().latlng_deg)
  rows = actual.rows(np.asarray([5, 0]))
  assert rows.dtype == np.float32
  np.testing.assert_array_equal(rows, FEATURES[[5, 0]])
  np.testing.assert_array_equal(actual.features, FEATURES)
  assert isinstance(actual.features, np.memmap)


def test_chunks_change_nothing(path, tmp_path):
  make(tmp_path / 'again', quarantine=[{'id': 'g', 'reason': 'empty'}], chunk=1)
  for file in path.iterdir():
    assert file.read_bytes() == (tmp_path / 'again' / file.name).read_bytes()


def test_fingerprint_follows_the_content(path, tmp_path):
  same = store.open_store(path).fingerprint()
  changed = [
      make(tmp_path / 'a', features=FEATURES + 1),
      make(tmp_path / 'b', photos(ids=np.asarray(list('abcdef'), np.str_))),
      make(tmp_path / 'c', photos(authors=np.full(NUM, 'q', np.str_))),
      make(tmp_path / 'd', photos(latlng_deg=photos().latlng_deg / 2)),
      # Other names, the same codes.
      make(tmp_path / 'e', photos(authors=np.asarray(
          ['q', '', 'p', 'q', '', 'p'], np.str_))),
      make(tmp_path / 'f', backbone='clip'),
      make(tmp_path / 'g', preprocess='resize(9)')]
  actual = {same, *(made.fingerprint() for made in changed)}
  assert len(actual) == 8
  assert same == make(tmp_path / 'h').fingerprint()


def test_sound_stores_are_verified(path):
  assert verify.verify(path) == {
      'rows': NUM, 'dim': DIM, 'quarantined': 1, 'files': 7, 'backbone': 'vit',
      'preprocess': 'resize(8)'}


@pytest.mark.parametrize('bit', [0, 7])  # 7 makes text that is no UTF-8.
@pytest.mark.parametrize('name', [
    'features.f16.bin', 'latlng_deg.f32.bin', 'ids.txt', 'author.i32.bin',
    'authors.txt', 'sequence.i32.bin', 'quarantine.jsonl'])
def test_one_flipped_bit_is_found_and_the_file_named(path, name, bit):
  seals.flip(path / name, bit=bit)
  with pytest.raises(store.BadStore, match=f'{name} was changed: checksum'):
    verify.verify(path)


@pytest.mark.parametrize('use, name', [
    (lambda opened: opened.rows(np.asarray([0])), 'features.f16.bin'),
    (lambda opened: opened.features, 'features.f16.bin'),
    *((lambda opened: opened.photos, name) for name in (
        'latlng_deg.f32.bin', 'ids.txt', 'author.i32.bin', 'authors.txt',
        'sequence.i32.bin'))])
def test_what_is_used_is_verified_first(path, use, name):
  seals.flip(path / name)
  opened = store.open_store(path)
  with pytest.raises(store.BadStore, match=f'{name} was changed: checksum'):
    use(opened)


@pytest.mark.parametrize('name, size, words', [
    ('features.f16.bin', 40, 'features.f16.bin has 40 bytes, expected 48'),
    ('latlng_deg.f32.bin', 40, 'latlng_deg.f32.bin has 40 bytes, expected 48'),
    ('author.i32.bin', 20, 'has 20 bytes, expected 24'),
    ('ids.txt', 3, 'ids.txt has 3 bytes'),
])
def test_a_cut_file_is_refused_at_open(path, name, size, words):
  with (path / name).open('r+b') as file:
    file.truncate(size)
  with pytest.raises(store.BadStore, match=words):
    store.open_store(path)


@pytest.mark.parametrize('change, words', [
    (dict(rows=7), 'latlng_deg.f32.bin has 48 bytes, expected 56'),
    (dict(dim=5), 'features.f16.bin has 48 bytes, expected 60'),
    (dict(version=9), 'version 9, this program reads 1'),
    (dict(files={}), 'features.f16.bin is not in the manifest'),
    (dict(rows='6'), "rows is '6'; extract it again"),
    (dict(rows=-1), 'rows is -1, expected at least 0'),
    (dict(rows=True), 'rows is True'),
    (dict(dim=None), 'dim is None'),
    (dict(dim=0), 'dim is 0'),
    (dict(dtype='float32'), "dtype is 'float32'"),
    (dict(source='drone'), r"source is 'drone', expected one of \('photo'"),
    (dict(unheard_of=1), r"\['unheard_of'\] are unknown"),
    (dict(files=[]), r'files is \[\]'),
    (dict(files={'ids.txt': 3}), "files is {'ids.txt': 3}"),
    (dict(files={'../x': {'bytes': 1, 'xxh3_128': ''}}), 'files is'),
])
def test_a_manifest_that_does_not_fit_is_refused(path, change, words):
  seals.reseal(path, store.KIND, **change)
  with pytest.raises(store.BadStore, match=words):
    store.open_store(path)


def test_a_manifest_that_was_changed_is_refused(path):
  text = (path / 'manifest.json').read_text()
  (path / 'manifest.json').write_text(text.replace('resize(8)', 'resize(9)'))
  with pytest.raises(store.BadStore, match='manifest.json: it was changed'):
    store.open_store(path)


def test_a_store_from_before_manifests_had_a_checksum_is_read(path):
  unsealed = sealed.entries_of(store.read_manifest(path))
  (path / 'manifest.json').write_text(json.dumps(unsealed))
  opened = store.open_store(path)
  np.testing.assert_array_equal(opened.features, FEATURES)
  assert 'without a checksum' in verify.verify(path)['manifest']
  sealed.write_manifest(path, store.KIND, unsealed)
  assert 'manifest' not in verify.verify(path)
  assert store.open_store(path).fingerprint() == opened.fingerprint()


def test_missing_or_broken_manifests_are_refused(path):
  (path / 'ids.txt').unlink()
  with pytest.raises(store.BadStore, match='ids.txt is missing'):
    store.open_store(path)
  (path / 'manifest.json').write_text('{"version": 1}')
  with pytest.raises(store.BadStore, match=r"\['backbone'.* are missing"):
    store.open_store(path)
  (path / 'manifest.json').write_text('{')
  with pytest.raises(store.BadStore, match='not readable as JSON'):
    store.open_store(path)
  (path / 'manifest.json').unlink()
  with pytest.raises(store.BadStore, match='is no feature store, or was'):
    store.open_store(path)


@pytest.mark.parametrize('name, data, words', [
    ('features.f16.bin', np.full(24, np.nan, np.float16),
     '6 rows hold NaN or infinity, the first is row 0'),
    ('latlng_deg.f32.bin', np.full(12, 95, np.float32),
     '6 of 6 rows latitude outside'),
    ('author.i32.bin', np.asarray([0, 1, 2, 0, 0, 0], np.int32),
     'author.i32.bin names line 2 in row 2, but authors.txt has 2 lines'),
    ('author.i32.bin', np.asarray([0, -2, 0, 0, 0, 0], np.int32), 'line -2'),
    ('ids.txt', np.frombuffer(b'a\na\nc\nd\ne\nf\n', np.uint8),
     "ids.txt has 1 duplicate ids, the first is 'a'"),
    ('ids.txt', np.frombuffer(b'a\nb\nc\nd\n\xe9\nf\n', np.uint8),
     'ids.txt is no UTF-8: byte 8 is 0xe9'),
    ('authors.txt', np.frombuffer(b'\xe9\nz\n', np.uint8),
     'authors.txt is no UTF-8: byte 0 is 0xe9'),
    ('quarantine.jsonl', np.zeros(0, np.uint8),
     'quarantine.jsonl has 0 lines, expected 1'),
    ('quarantine.jsonl', np.frombuffer(b'{"id"\n', np.uint8),
     'quarantine.jsonl: line 1 is no JSON'),
    ('ids.txt', np.frombuffer(b'a\nb\n', np.uint8), '2 lines, expected 6'),
])
def test_sealed_nonsense_is_found(path, name, data, words):
  seals.reseal(path, store.KIND, name, data.tobytes())
  with pytest.raises(store.BadStore, match=words):
    verify.verify(path)


def test_a_store_that_says_unit_length_must_have_it(path):
  seals.reseal(path, store.KIND, normalized=True)
  with pytest.raises(store.BadStore, match='6 rows do not have length 1'):
    verify.verify(path)


def test_every_problem_is_said_at_once(path):
  seals.flip(path / 'ids.txt')
  seals.flip(path / 'author.i32.bin')
  (path / 'stray.bin').write_bytes(b'')
  with pytest.raises(store.BadStore) as caught:
    verify.verify(path)
  for words in ('ids.txt was', 'author.i32.bin was', 'stray.bin is in the'):
    assert words in str(caught.value)


@pytest.mark.parametrize('name', ['a\nb', 'a\r', '', 'a\x85b', 'a\u2028b',
                                  'a\udc80'])
@pytest.mark.parametrize('column', ['ids', 'authors', 'sequences'])
def test_a_name_that_is_no_line_is_refused(tmp_path, name, column):
  if column != 'ids' and not name:
    return  # There it means unknown.
  names = np.asarray(['a', 'b', 'c', 'd', 'e', name], np.str_)
  with pytest.raises(ValueError, match='1 names do not fit on a line'):
    make(tmp_path / 'store', photos(**{column: names}))
  assert list(tmp_path.iterdir()) == []


def test_repeated_ids_are_refused_with_a_way_out(tmp_path):
  ids = np.asarray(['a', 'b', 'b', 'd', 'e', 'd'], np.str_)
  with pytest.raises(ValueError, match="2 duplicate ids.*'b'.*rename"):
    make(tmp_path / 'store', photos(ids=ids))


def test_places_off_the_earth_are_refused(tmp_path):
  latlng_deg = photos().latlng_deg.copy()
  latlng_deg[2, 0] = 91
  with pytest.raises(ValueError, match='latitude outside'):
    make(tmp_path / 'store', photos(latlng_deg=latlng_deg))
  assert list(tmp_path.iterdir()) == []


def test_quarantine_lines_stay_lines_whatever_a_reason_holds(tmp_path):
  make(tmp_path / 'store', quarantine=[{'id': 'é', 'text': 'a\nb\u2028c\x85d'}])
  assert verify.verify(tmp_path / 'store')['quarantined'] == 1


def test_half_written_stores_do_not_appear(tmp_path):
  with pytest.raises(store.BadStore, match='4 features for 6 photos'):
    make(tmp_path / 'store', features=FEATURES[:4])
  with pytest.raises(store.BadStore, match='dimension 3 where 4'):
    make(tmp_path / 'store', features=FEATURES[:, :3])
  assert list(tmp_path.iterdir()) == []


def test_two_writers_of_one_store_are_fine_of_two_are_not(path):
  again = make(path, quarantine=[{'id': 'g', 'reason': 'empty'}])
  assert len(again) == NUM
  with pytest.raises(store.BadStore, match='is there already and differs'):
    make(path, features=FEATURES + 1)


def test_half_precision_keeps_what_fits(tmp_path):
  values = np.asarray([[65504, -65504, 65505, np.inf], [np.nan, 1, 2, 3]],
                      np.float32)
  half, zeroed = store_writer.to_half(values)
  assert half.tolist() == [[65504, -65504, 0, 0], [0, 1, 2, 3]] and zeroed == 3


def test_an_empty_store_opens(tmp_path):
  empty = types.Photos(np.zeros(0, np.str_), np.zeros((0, 2)),
                       np.zeros(0, np.str_), np.zeros(0, np.str_), 'photo')
  made = make(tmp_path / 'store', empty, np.zeros((0, DIM), np.float32))
  assert len(made) == 0 and len(made.photos) == 0
  assert verify.verify(tmp_path / 'store')['rows'] == 0
