"""MP16-Pro in miniature: one tar in byte slices, and our own index of it."""

import itertools
import os
import tarfile

from input_pipeline import sources
from input_pipeline.datasets import archive, mp16_pro, tar_index, tar_walk
import numpy as np
import pytest

from tests.fixtures import dataset_checks, replicas


def test_every_row_gives_its_image(tmp_path):
  images = replicas.mp16_pro(tmp_path)
  source = mp16_pro.read_mp16_pro(tmp_path)
  assert isinstance(source, sources.PhotoSource)
  assert any('/' in name for name in images)
  dataset_checks.same_images(source, images)
  assert source.photos.source == 'photo'
  assert source.photos.authors.tolist() == [
      f'{i % 3}@N00' for i in range(len(images))]


@pytest.mark.parametrize('kind', [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize('cuts', [(), (1,), (511, 512, 513), (100, 1600, 9000),
                                  tuple(range(250, 12_000, 250))])
def test_any_slices(tmp_path, cuts, kind):
  images = replicas.mp16_pro(tmp_path, cuts=cuts, kind=kind)
  dataset_checks.same_images(mp16_pro.read_mp16_pro(tmp_path), images)


def test_the_counts_add_up(tmp_path):
  images = replicas.mp16_pro(tmp_path, num=8, absent=2, unlisted=3)
  source = mp16_pro.read_mp16_pro(tmp_path)
  assert len(source.photos) == len(images) == 8
  links, rows, unused = source.notes
  assert '1 members left out: links' in links
  assert '2 of 10 rows left out, no image: row 8: gone0.jpg' in rows
  assert '3 images left out: in no row' in unused


def test_ids_with_and_without_slash_and_extension_are_one(tmp_path):
  images = replicas.mp16_pro(tmp_path, absent=0)
  path = tmp_path / 'metadata' / 'MP16_Pro_places365.csv'
  text = path.read_text()
  for old, new in (('a1/b/1.jpg', 'a1_b_1'), ('a0_b_0.jpg', 'a0/b/0.jpg')):
    assert old in text
    text = text.replace(old, new)
    images[new] = images.pop(old)
  path.write_text(text)
  dataset_checks.same_images(mp16_pro.read_mp16_pro(tmp_path),
                             images,
                             ordered=False)


def test_tables_and_columns(tmp_path):
  images = replicas.mp16_pro(tmp_path)
  source = mp16_pro.read_mp16_pro(tmp_path, 'filtered', extra=('city',))
  assert source.photos.ids.tolist() == list(images)[1:]
  assert set(source.extra['city']) == {'Tōkyō'}
  with pytest.raises(ValueError, match="'urls': choices are"):
    mp16_pro.read_mp16_pro(tmp_path, 'urls')


def test_missing_slices_are_named(tmp_path):
  replicas.mp16_pro(tmp_path, cuts=(700, 3000))
  (tmp_path / 'mp-16-images01').unlink()
  with pytest.raises(ValueError, match='images01 is missing'):
    mp16_pro.read_mp16_pro(tmp_path)
  for path in tmp_path.glob('mp-16-images0*'):
    path.unlink()
  with pytest.raises(ValueError, match='no mp-16-images00'):
    mp16_pro.read_mp16_pro(tmp_path)


def test_a_last_slice_not_wholly_fetched_is_refused_and_then_completed(
    tmp_path, caplog):
  images = replicas.mp16_pro(tmp_path)
  last = tmp_path / 'mp-16-images02'
  data = last.read_bytes()
  last.write_bytes(data[:200])
  with pytest.raises(ValueError, match='images02.*missing'):
    mp16_pro.read_mp16_pro(tmp_path)
  last.write_bytes(data)
  source = mp16_pro.read_mp16_pro(tmp_path)
  dataset_checks.same_images(source, images)
  assert 'belongs to other files' in caplog.text


@pytest.mark.parametrize('there, size', [
    (2, 3000), (2, 2100), (1, 2400), (3, 20)])
def test_of_an_unfinished_download_whole_photos_are_taken(tmp_path, there,
                                                          size):
  images = replicas.mp16_pro(tmp_path, cuts=(2900, 6000))
  slices = sorted(tmp_path.glob('mp-16-images0?'))
  last = slices[there - 1]
  last.write_bytes(last.read_bytes()[:size])
  if there < 3:
    slices[there].unlink()  # What comes after the gap cannot be placed.
  with pytest.raises(ValueError, match='missing|cut|end mark'):
    mp16_pro.read_mp16_pro(tmp_path)
  source, again = (mp16_pro.read_mp16_pro(tmp_path, cut='leave_out')
                   for _ in range(2))
  ids = source.photos.ids.tolist()
  assert ids and ids == list(images)[:len(ids)] and len(ids) < len(images)
  dataset_checks.same_images(source, {name: images[name] for name in ids})
  assert any('members that are whole are taken' in note
             for note in source.notes)
  assert source.notes == again.notes


def test_the_index_is_used_again(tmp_path, monkeypatch):
  images = replicas.mp16_pro(tmp_path)
  first = mp16_pro.read_mp16_pro(tmp_path)
  def refuse(*args):
    raise AssertionError('walked again')
  monkeypatch.setattr(tar_walk, 'walk', refuse)
  again = mp16_pro.read_mp16_pro(tmp_path)
  dataset_checks.same_images(again, images)
  assert again.notes == first.notes
  moved = tmp_path.with_name('moved')
  tmp_path.rename(moved)
  dataset_checks.same_images(mp16_pro.read_mp16_pro(moved), images)


def test_an_index_of_other_files_is_built_again(tmp_path, caplog):
  replicas.mp16_pro(tmp_path, num=6)
  mp16_pro.read_mp16_pro(tmp_path)
  images = replicas.mp16_pro(tmp_path, num=9)
  source = mp16_pro.read_mp16_pro(tmp_path)
  dataset_checks.same_images(source, images)
  assert 'belongs to other files' in caplog.text
  os.utime(tmp_path / 'mp-16-images00', ns=(1, 1))
  caplog.clear()
  again = mp16_pro.read_mp16_pro(tmp_path)
  assert 'belongs to' in caplog.text
  caplog.clear()
  # What is extracted goes by the notes: they are the same each time.
  assert mp16_pro.read_mp16_pro(tmp_path).notes == again.notes
  assert not caplog.text


@pytest.mark.parametrize('damage', [
    lambda data: data[:100], lambda data: b'', lambda data: b'nothing',
    lambda data: data[:400] + bytes([data[400] ^ 1]) + data[401:]])
def test_a_damaged_index_is_built_again(tmp_path, damage, caplog):
  images = replicas.mp16_pro(tmp_path)
  mp16_pro.read_mp16_pro(tmp_path)
  path = tmp_path / mp16_pro.INDEX
  path.write_bytes(damage(path.read_bytes()))
  source = mp16_pro.read_mp16_pro(tmp_path)
  dataset_checks.same_images(source, images)
  assert 'damaged' in caplog.text


def test_an_index_with_a_pickle_inside_is_never_run(tmp_path, caplog):
  class Bomb:
    def __reduce__(self):
      return os.mkdir, (str(tmp_path / 'ran'),)
  replicas.mp16_pro(tmp_path)
  np.savez(tmp_path / mp16_pro.INDEX, facts=np.array([Bomb()], object))
  mp16_pro.read_mp16_pro(tmp_path)
  assert 'damaged' in caplog.text
  assert not (tmp_path / 'ran').exists()


def test_an_interrupted_walk_goes_on_where_it_stopped(tmp_path, monkeypatch,
                                                           caplog):
  images = replicas.mp16_pro(tmp_path, num=8)
  walk = tar_walk.walk
  places = []
  def interrupted(parts, place, stop):
    places.append(place)
    if len(places) > 1:
      return walk(parts, place, stop)
    def some():
      yield from itertools.islice(walk(parts, place, stop), 4)
      raise KeyboardInterrupt
    return some()
  monkeypatch.setattr(tar_walk, 'walk', interrupted)
  with pytest.raises(KeyboardInterrupt):
    mp16_pro.read_mp16_pro(tmp_path)
  source = mp16_pro.read_mp16_pro(tmp_path)
  assert places[0] == 0 < places[1]
  assert 'continued after 3 members' in caplog.text
  dataset_checks.same_images(source, images)


def test_progress_is_saved_on_the_way(tmp_path, monkeypatch):
  replicas.mp16_pro(tmp_path, num=8)
  monkeypatch.setattr(tar_index, '_CLOCK_MEMBERS', 2)
  parts = archive.parts(sorted(tmp_path.glob('mp-16-images0*')))
  cache = tmp_path / 'cache' / 'x.npz'
  sizes, walk = [], tar_walk.walk
  def watched(*args):
    for member in walk(*args):
      sizes.append(cache.stat().st_size if cache.exists() else 0)
      yield member
  monkeypatch.setattr(tar_walk, 'walk', watched)
  index = tar_index.load(parts, cache, True, save_every_s=0.)
  assert sizes[0] == 0 < sizes[4] < sizes[-1]
  assert len(index.names) == 9
  assert [path.name for path in cache.parent.iterdir()] == ['x.npz']


def test_a_cache_folder_elsewhere(tmp_path):
  data, cache = tmp_path / 'data', tmp_path / 'cache'
  data.mkdir()
  images = replicas.mp16_pro(data)
  before = sorted(data.rglob('*'))
  dataset_checks.same_images(mp16_pro.read_mp16_pro(data, cache_dir=cache),
                             images)
  assert sorted(data.rglob('*')) == before
  with pytest.raises(OSError, match='name another cache_dir'):
    mp16_pro.read_mp16_pro(data, cache_dir=data / 'mp-16-images00')


def test_an_image_that_was_appended_again_counts_last(tmp_path):
  images = replicas.mp16_pro(tmp_path, absent=0, unlisted=0, cuts=())
  path = tmp_path / 'mp-16-images00'
  name = next(iter(images))
  newer = replicas.mp16_tar({name: b'newer'})
  path.write_bytes(path.read_bytes().rstrip(b'\0') + b'\0' * 400 + newer)
  walked = path.read_bytes()
  # Joined on a block's edge, without the end mark of the first tar.
  end = walked.index(newer)
  path.write_bytes(walked[:end - end % 512] + newer)
  source = mp16_pro.read_mp16_pro(tmp_path)
  assert source.read(source.photos.ids.tolist().index(name)) == b'newer'
  assert '1 images left out: another of the same id follows' in source.notes[-1]
