"""The open gallery: every row is its own photo, whatever was built in order."""

import json
import os
import shutil
import stat

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import sealed
from pinpoint_jax.features.store import KIND as STORE
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, update, verify, writer
from pinpoint_jax.geo import coords
import pytest

from tests.fixtures import seals
from tests.fixtures import tiny_gallery as tiny

PHOTO = [*tiny.names('p', 40), 'é', 'Z', '東京', 'a b']
STREET = tiny.names('s', 30)
ADDED = tiny.names('n', 20)


@pytest.fixture(scope='module')
def stores(tmp_path_factory):
  folder = tmp_path_factory.mktemp('stores')
  return [tiny.make_store(folder / 'photo', PHOTO),
          tiny.make_store(folder / 'street', STREET, 'street'),
          tiny.make_store(folder / 'added', ADDED)]


@pytest.fixture(scope='module')
def built(stores, tmp_path_factory):
  """Two segments; a test that writes to it takes a copy."""
  path = tmp_path_factory.mktemp('built') / 'g'
  tiny.build(path, stores[:2])
  return tiny.add(path, stores[2:])


@pytest.fixture
def copy(built, tmp_path):
  shutil.copytree(built.path, tmp_path / 'copy')
  return tmp_path / 'copy'


def test_each_row_is_its_own_photo(built):
  order = [*sorted(PHOTO + STREET, key=str.encode), *sorted(ADDED)]
  rows = np.arange(len(built))
  assert built.ids(rows).tolist() == order and built.num_live == len(order)
  assert built.offsets.tolist() == [0, 74, 94]
  expected = tiny.photos(order)
  opened = built.photos(rows)
  assert opened.source == 'mixed'
  for name in ('ids', 'latlng_deg', 'authors', 'sequences'):
    np.testing.assert_array_equal(getattr(opened, name),
                                  getattr(expected, name))
  assert [types.SOURCES[i] for i in built.source] == [
      'street' if i in STREET else 'photo' for i in order]


def test_vectors_are_those_of_the_model(built):
  rows, trained = np.arange(len(built)), tiny.trained()
  ids = built.ids(rows).tolist()
  features = tiny.features(ids)
  xyz = jnp.asarray(coords.to_xyz(built.latlng_deg), jnp.float32)
  image, location = jax.jit(trained.model.apply)(
      {'params': trained.params}, {s: features for s in types.SOURCES},
      {'photo': xyz})
  image = np.where(built.source[:, None] == 0, image['photo'], image['street'])
  raw = features.astype(np.float32)
  raw /= np.linalg.norm(raw, axis=1, keepdims=True)
  for name, expected in (('image', image), ('location', location['photo']),
                         ('raw', raw)):
    opened = np.concatenate([v.take(slice(None)) for v in built.channel(name)])
    np.testing.assert_allclose(opened, expected, atol=6e-4)
  with pytest.raises(ValueError, match="'sound': choices are"):
    built.channel('sound')


def test_the_order_of_stores_is_nothing(stores, tmp_path):
  one = tiny.build(tmp_path / '1', stores)
  other = tiny.build(tmp_path / '2', stores[::-1])
  assert tiny.content(one.path) == tiny.content(other.path)
  assert one.fingerprint() == other.fingerprint()


def test_numpy_alone_reads_it(built):
  manifest = json.loads((built.path / 'manifest.json').read_text())
  segment = manifest['segments'][0]
  folder = built.path / 'segments' / segment['name']
  z = np.fromfile(folder / 'z_image.f16.bin', '<f2').reshape(-1, 8)
  np.testing.assert_array_equal(z, built.channel('image')[0].stored)
  ids = (folder / 'ids.txt').read_text().splitlines()
  assert ids == built.ids(np.arange(segment['rows'])).tolist()
  code = np.fromfile(folder / 'country.i32.bin', '<i4')[3]
  name = (folder / 'country.txt').read_text().splitlines()[code]
  assert built.countries.decode(np.array([3])).tolist() == [name]


def test_ids_are_found_in_all_segments(built):
  rows = np.array([93, 0, 73, 74, 5])
  np.testing.assert_array_equal(built.find(built.ids(rows)), rows)
  unknown_ids = np.array(['', 'p', 'p999', 'é ', 'zzz'])
  assert built.find(unknown_ids).tolist() == [-1] * 5
  assert built.find(np.zeros(0, np.str_)).tolist() == []


def test_many_ids_are_found_across_blocks(tmp_path):
  ids = tiny.names('photo', 9000)
  opened = tiny.build(tmp_path / 'g', [tiny.make_store(tmp_path / 's', ids)],
                      writer.Settings('photo', 'off'))
  rows = np.random.default_rng(0).permutation(9000)
  np.testing.assert_array_equal(opened.find(opened.ids(rows)), rows)
  assert opened.channel('raw') == (None,)
  assert opened.photos(rows[:2]).source == 'photo'


def test_places_have_their_names(tmp_path):
  ids = ['paris', 'fiji']
  places = {'paris': (48.8566, 2.3522), 'fiji': (-18.1416, 178.4419)}
  store = tiny.make_store(tmp_path / 's', ids)
  np.array([places[i] for i in ids], '<f4').tofile(store / 'latlng_deg.f32.bin')
  seals.reseal(store, STORE, 'latlng_deg.f32.bin')
  opened = tiny.build(tmp_path / 'g', [store])
  rows = opened.find(np.array(ids))
  assert opened.countries.decode(rows).tolist() == ['FR', 'FJ']
  assert opened.admin1.decode(rows).tolist() == [
      'FR/Ile-de-France', 'FJ/Central']
  assert opened.admin2.decode(rows)[0] == 'FR/Ile-de-France/Paris'


def test_int8_rows_are_near(stores, tmp_path):
  exact = tiny.build(tmp_path / '1', stores[:2])
  small = tiny.build(tmp_path / '2', stores[:2],
                     writer.Settings(raw='int8'))
  one, other = (g.channel('raw')[0].take(slice(None)) for g in (exact, small))
  np.testing.assert_allclose(one, other, atol=1 / 127)
  assert exact.fingerprint() != small.fingerprint()


def test_a_gallery_of_nothing(tmp_path):
  store = tiny.make_store(tmp_path / 's', [])
  opened = tiny.build(tmp_path / 'g', [store])
  assert len(opened) == opened.num_live == 0
  assert [len(part) for name in types.CHANNELS
          for part in opened.channel(name)] == [0, 0, 0]
  assert opened.latlng_deg.shape == (0, 2)


def test_it_opens_anywhere(copy, monkeypatch, built):
  monkeypatch.chdir(copy.parent)
  copy.rename(copy.with_name('moved'))
  for folder in [copy.with_name('moved'), *copy.with_name('moved').rglob('*')]:
    folder.chmod(folder.stat().st_mode & ~stat.S_IWUSR)
  opened = galleries.open_gallery('moved')
  assert tiny.search(opened) == tiny.search(built)
  assert opened.fingerprint() == built.fingerprint()


def test_an_open_gallery_outlives_its_files(copy, built):
  opened = galleries.open_gallery(copy)
  update.remove(copy, np.array(['p1']))
  update.compact(copy)
  assert tiny.search(opened) == tiny.search(built)
  assert opened.authors.decode(np.arange(9)).tolist() == built.authors.decode(
      np.arange(9)).tolist()


def first_file(path, name=layout.Z_IMAGE):
  """Of the first segment; a folder's own order is the file system's chance."""
  segments = layout.read_manifest(path)['segments']
  return path / layout.SEGMENTS / segments[0]['name'] / name


def edit(path, **changes):
  seals.reseal(path, layout.KIND, **changes)


def grow(file):
  file.write_bytes(file.read_bytes() + b'x')


@pytest.mark.parametrize('break_it, words', [
    (lambda g: (g / 'manifest.json').unlink(), 'manifest.json is missing'),
    (lambda g: (g / 'manifest.json').write_text('{'), 'not readable as JSON'),
    (lambda g: (g / 'manifest.json').write_text('[1]'), 'not readable as a JS'),
    (lambda g: edit(g, version=2), 'version 2, this program reads 1'),
    (lambda g: edit(g, mode='drone'), "mode is 'drone'"),
    (lambda g: edit(g, rows=95), 'segments or removed are broken'),
    (lambda g: edit(g, segments=[{'name': '../../x', 'rows': 94, 'files': {}}]),
     'segments or removed are broken'),
    (lambda g: first_file(g).unlink(), 'z_image.f16.bin is missing'),
    (lambda g: os.truncate(first_file(g), 10), 'has 10 bytes, expected'),
    (lambda g: grow(first_file(g)), 'z_image.f16.bin has'),
    (lambda g: grow(first_file(g, 'ids.txt')), 'ids.txt has'),
])
def test_a_broken_gallery_is_refused(copy, break_it, words):
  break_it(copy)
  with pytest.raises(layout.BadGallery, match=words):
    galleries.open_gallery(copy)


@pytest.fixture
def deleted(copy):
  """The file of deleted rows."""
  update.remove(copy, np.array(['p1', 'p2']))
  return next(copy.glob('removed-*'))


@pytest.mark.parametrize('rows', [[3, 94], [-1, 3], [5, 3], [3, 3]])
def test_deleted_rows_must_be_ascending_rows(copy, deleted, rows):
  deleted.write_bytes(np.array(rows, '<i8').tobytes())
  removed = layout.read_manifest(copy)['removed']
  edit(copy, removed=removed | {'xxh3_128': disk.checksum(deleted)})
  with pytest.raises(layout.BadGallery, match='do not ascend from 0 to 93'):
    galleries.open_gallery(copy)


def test_a_changed_list_of_deleted_rows_stops_every_update(copy, deleted):
  sound = tiny.content(copy)
  seals.flip(deleted, 0)
  before = tiny.content(copy)
  for action in (
      lambda: galleries.open_gallery(copy),
      lambda: update.remove(copy, np.array(['p5'])),
      lambda: update.compact(copy),
      lambda: tiny.add(copy, [tiny.make_store(copy.parent / 'new', ['x'])])):
    with pytest.raises(layout.BadGallery, match='removed-.* was changed'):
      action()
  assert tiny.content(copy) == before
  seals.flip(deleted, 0)
  assert tiny.content(copy) == sound


@pytest.mark.parametrize('use, name', [
    *((lambda g, name=name: g.channel(name), file) for name, file in (
        ('image', 'z_image.f16.bin'), ('location', 'z_location.f16.bin'),
        ('raw', 'raw.f16.bin'))),
    (lambda g: g.latlng_deg, 'latlng_deg.f32.bin'),
    (lambda g: g.source, 'source.u8.bin'),
    (lambda g: g.authors, 'author.i32.bin'),
    (lambda g: g.authors, 'author.txt'),
    (lambda g: g.countries, 'country.i32.bin'),
    (lambda g: g.find(np.array(['p1'])), 'ids.txt'),
    (lambda g: g.ids(np.array([1])), 'ids.i64.bin')])
def test_what_is_used_is_verified_first(copy, use, name):
  seals.flip(first_file(copy, name))
  gallery = galleries.open_gallery(copy)
  with pytest.raises(layout.BadGallery, match=f'{name} was changed: checksum'):
    use(gallery)


def test_a_changed_manifest_is_refused(copy):
  text = (copy / 'manifest.json').read_text()
  (copy / 'manifest.json').write_text(text.replace('resize:8', 'resize:9'))
  with pytest.raises(layout.BadGallery, match='manifest.json: it was changed'):
    galleries.open_gallery(copy)


def test_a_gallery_from_before_manifests_had_a_checksum_is_read(copy, built):
  unsealed = sealed.entries_of(layout.read_manifest(copy))
  (copy / 'manifest.json').write_text(json.dumps(unsealed))
  gallery = galleries.open_gallery(copy)
  assert tiny.search(gallery) == tiny.search(built)
  assert gallery.fingerprint() == built.fingerprint()
  assert 'without a checksum' in verify.verify(copy)['manifest']
  update.remove(copy, np.array(['p1']))  # Its manifest has one.
  assert 'manifest' not in verify.verify(copy)


def test_another_embedder_is_refused_and_both_named(built):
  galleries.open_gallery(built.path, tiny.trained())
  with pytest.raises(layout.BadGallery, match='embedder feed, this is embedder '
                     'beef .*made alike'):
    galleries.open_gallery(built.path, tiny.trained('beef'))
  for name, value in (('backbone', 'other'), ('preprocess', 'resize:9'),
                      ('weight_hash', 'x')):
    with pytest.raises(layout.BadGallery,
                       match=f'street {name} .* → {value!r}'):
      galleries.open_gallery(built.path, tiny.trained('beef', **{name: value}))


def test_derived_folders_have_kinds(built):
  key = built.rows_key()
  assert layout.derived(built.path, 'index', key) == built.path / 'index' / key
  with pytest.raises(ValueError, match="'cache': choices are"):
    layout.derived(built.path, 'cache', key)
