"""What a gallery is made of is checked before it is there."""

import json
import re
import resource
import types

import numpy as np
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import layout, segment_writer, update, verify, writer
from pinpoint_jax.gallery.layout import BadGallery
from pinpoint_jax.gallery.writer import Settings
import pytest

from tests.fixtures import tiny_gallery as tiny


@pytest.fixture
def photo(tmp_path):
  return tiny.make_store(tmp_path / 'photo', tiny.names('p', 9))


@pytest.mark.parametrize('facts', [
    {'backbone': 'other'}, {'weight_hash': 'xyz'}, {'preprocess': 'resize:9'}])
def test_features_made_otherwise_are_refused(tmp_path, photo, facts):
  other = tiny.make_store(tmp_path / 'other', ['q'], facts=facts)
  (name, value), = facts.items()
  words = f'other does not fit embedder feed.*photo {name} .*{value!r}'
  with pytest.raises(BadGallery, match=words):
    tiny.build(tmp_path / 'g', [photo, other])
  tiny.build(tmp_path / 'g', [photo])
  with pytest.raises(BadGallery, match=words):
    tiny.add(tmp_path / 'g', [other])


def test_features_of_another_size_are_refused(tmp_path):
  other = tiny.make_store(tmp_path / 's', ['q'], facts={'dim': 7},
                          rows=np.ones((1, 7), np.float32))
  with pytest.raises(BadGallery, match='photo dim 6 → 7'):
    tiny.build(tmp_path / 'g', [other])
  assert not (tmp_path / 'g').exists()


def test_a_gallery_of_one_source_takes_no_other(tmp_path, photo):
  street = tiny.make_store(tmp_path / 's', ['s1'], 'street')
  with pytest.raises(BadGallery, match="street features; mode 'photo' takes "):
    tiny.build(tmp_path / 'g', [photo, street], Settings('photo'))
  opened = tiny.build(tmp_path / 'g', [street], Settings('street'))
  assert opened.photos(np.array([0])).source == 'street'
  with pytest.raises(BadGallery, match=r"of mode 'street' takes \['street'\]"):
    tiny.add(tmp_path / 'g', [photo])


def test_add_wants_the_embedder_that_built(tmp_path, photo):
  tiny.build(tmp_path / 'g', [photo])
  other = tiny.make_store(tmp_path / 'other', ['q'])
  with pytest.raises(BadGallery, match='embedder feed, this is embedder beef'):
    writer.add(tmp_path / 'g', tiny.trained('beef'), [other])


def test_raw_features_of_two_backbones_do_not_compare(tmp_path, photo):
  trained = tiny.trained()
  trained.inputs['street']['backbone'] = 'other'
  with pytest.raises(BadGallery, match='do not compare.*raw=off'):
    writer.build(tmp_path / 'g', trained, [photo], Settings())
  opened = writer.build(tmp_path / 'g', trained, [photo],
                        Settings(raw='off'), encoder=tiny.encoder())
  assert len(opened) == 9 and opened.channel('raw') == (None,)


def test_ids_that_are_there_twice(tmp_path, photo):
  again = tiny.make_store(tmp_path / 'again', ['p8', 'x', 'p3'], 'street')
  with pytest.raises(BadGallery, match="2 ids are there already, the first is "
                     "'p3'.*duplicates=first"):
    tiny.build(tmp_path / 'g', [photo, again])
  first = Settings(duplicates='first')
  opened = tiny.build(tmp_path / 'g', [photo, again], first)
  assert len(opened) == 10 and opened.manifest['duplicates_left_out'] == 2
  assert opened.source[opened.find(np.array(['p3', 'x']))].tolist() == [0, 1]
  opened = tiny.build(tmp_path / 'h', [again, photo], first)
  assert opened.source[opened.find(np.array(['p3', 'x']))].tolist() == [1, 1]


def test_ids_of_another_segment(tmp_path, photo):
  tiny.build(tmp_path / 'g', [photo])
  again = tiny.make_store(tmp_path / 'again', ['p8', 'x'])
  with pytest.raises(BadGallery, match="1 ids are there already.*'p8'"):
    tiny.add(tmp_path / 'g', [again])
  opened = tiny.add(tmp_path / 'g', [again], duplicates='first')
  assert len(opened) == 10 and opened.manifest['duplicates_left_out'] == 1
  before = tiny.content(tmp_path / 'g')
  tiny.add(tmp_path / 'g', [photo], duplicates='first')  # Nothing new.
  changed = tiny.content(tmp_path / 'g')
  assert {n for n in before if before[n] != changed[n]} <= {'manifest.json'}


def test_a_feature_without_direction(tmp_path):
  ids = tiny.names('p', 9)
  rows = tiny.features(ids).astype(np.float32)
  rows[4] = 0
  store = tiny.make_store(tmp_path / 's', ids, rows=rows)
  with pytest.raises(BadGallery, match="'p4' has length 0.0, and 0 more"):
    tiny.build(tmp_path / 'g', [store])
  # A first build that was refused leaves no gallery and nothing of it.
  assert not tiny.content(tmp_path / 'g')
  assert len(tiny.build(tmp_path / 'g', [store], Settings(raw='off'))) == 9


def test_embeddings_that_are_no_numbers(tmp_path, photo):
  trained = tiny.trained()
  trained.params['out'] = {
      name: {key: np.full_like(value, np.nan) for key, value in part.items()}
      for name, part in trained.params['out'].items()}
  with pytest.raises(BadGallery, match="the image embedding of 'p0' holds NaN"):
    writer.build(tmp_path / 'g', trained, [photo], Settings(),
                 encoder=tiny.encoder())


def test_a_flipped_bit_of_a_store_stays_outside(tmp_path, photo):
  data = bytearray((photo / stores.FEATURES).read_bytes())
  data[3] ^= 1
  (photo / stores.FEATURES).write_bytes(bytes(data))
  with pytest.raises(stores.BadStore, match='features.f16.bin was changed'):
    tiny.build(tmp_path / 'g', [photo])


def test_a_gallery_is_replaced_only_when_asked(tmp_path, photo):
  path = tmp_path / 'g'
  tiny.build(path, [photo])
  other = tiny.make_store(tmp_path / 'other', tiny.names('q', 4))
  with pytest.raises(BadGallery, match='a gallery of 9 rows: add .*--replace'):
    tiny.build(path, [other])
  broken = tmp_path / 'nowhere'
  before = tiny.content(path)
  with pytest.raises(stores.BadStore):
    tiny.build(path, [broken], replace=True)
  assert tiny.content(path) == before
  tiny.build(path, [other], replace=True)
  assert tiny.content(path) == tiny.content(
      tiny.build(tmp_path / 'fresh', [other]).path)


def test_the_same_build_again_changes_nothing(tmp_path, photo, monkeypatch):
  path = tmp_path / 'g'
  tiny.build(path, [photo])
  before = tiny.content(path)
  monkeypatch.delattr(segment_writer, 'write')
  assert len(tiny.build(path, [photo])) == 9
  assert tiny.content(path) == before


def test_the_same_addition_again_changes_nothing(tmp_path, photo, monkeypatch):
  path = tiny.build(tmp_path / 'g', [photo]).path
  more = tiny.make_store(tmp_path / 'more', tiny.names('q', 4))
  assert len(tiny.add(path, [more])) == 13
  before = tiny.content(path)
  with monkeypatch.context() as patch:
    patch.delattr(segment_writer, 'write')
    assert len(tiny.add(path, [more])) == 13
  assert tiny.content(path) == before
  update.remove(path, np.array(['q1']))
  with pytest.raises(BadGallery, match='4 ids are there already'):
    tiny.add(path, [more])


@pytest.mark.parametrize('change', ['settings', 'embedder', 'store', 'deleted',
                                    'added', 'no record'])
def test_another_build_or_a_changed_gallery_is_refused(
    tmp_path, photo, change):
  path, trained, settings = tmp_path / 'g', tiny.trained(), Settings()
  tiny.build(path, [photo])
  if change == 'settings':
    settings = Settings(raw='int8')
  elif change == 'embedder':
    trained = tiny.trained('beef')
  elif change == 'store':
    rows = tiny.features(tiny.names('p', 9)).astype(np.float32)
    photo = tiny.make_store(tmp_path / 'other', tiny.names('p', 9),
                            rows=rows[::-1])
  elif change == 'deleted':
    update.remove(path, np.array(['p3']))
  elif change == 'added':
    tiny.add(path, [tiny.make_store(tmp_path / 'more', ['q'])])
  else:
    (path / layout.BUILD).unlink()
  before = tiny.content(path)
  with pytest.raises(BadGallery, match='is already a gallery of'):
    writer.build(path, trained, [photo], settings, encoder=tiny.encoder())
  assert tiny.content(path) == before


def test_a_damaged_gallery_is_built_again(tmp_path, photo):
  path = tiny.build(tmp_path / 'g', [photo]).path
  sound = tiny.content(path)
  file = next(path.glob('segments/*/z_image.f16.bin'))
  file.write_bytes(b'\1' + file.read_bytes()[1:])
  assert tiny.content(path) != sound
  tiny.build(path, [photo], replace=True)
  assert tiny.content(path) == sound


def test_other_people_s_folders_are_left_alone(tmp_path, photo):
  for name in ('letters.txt', 'index'):
    path = tmp_path / name
    path.mkdir()
    (path / name).write_text('dear')
    with pytest.raises(BadGallery, match=f"contains \\['{re.escape(name)}'\\]"):
      tiny.build(path, [photo])
    assert [x.name for x in path.iterdir()] == [name]


@pytest.mark.parametrize('fields, words', [
    ({'mode': 'both'}, "mode='both': choices are"),
    ({'raw': 'float32'}, "raw='float32': choices are"),
    ({'duplicates': 'last'}, "duplicates='last': choices are")])
def test_settings_have_choices(fields, words):
  with pytest.raises(ValueError, match=words):
    Settings(**fields)


def test_no_stores(tmp_path):
  with pytest.raises(ValueError, match='no feature store is named'):
    tiny.build(tmp_path / 'g', [])


def test_a_full_disk_is_named_and_the_old_gallery_stays(tmp_path, photo):
  path = tiny.build(tmp_path / 'g', [photo]).path
  before = tiny.content(path)
  many = tiny.make_store(tmp_path / 'many', tiny.names('m', 2000))
  old = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, old[1]))
  try:
    with pytest.raises(OSError, match=r'segments/new cannot be written: File '
                       r'too large, at least 162,008 bytes'):
      tiny.add(path, [many])
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
  assert tiny.content(path) == before
  tiny.add(path, [many])
  assert verify.verify(path)['rows'] == 2009


def test_the_manifest_tells_what_it_was_made_of(tmp_path, photo):
  tiny.build(tmp_path / 'g', [photo])
  manifest = json.loads((tmp_path / 'g' / 'manifest.json').read_text())
  assert manifest['inputs']['photo'] == tiny.MADE
  assert manifest['segments'][0]['sources'] == {'photo': 9, 'street': 0}
  assert (manifest['dim'], manifest['raw_dim'], manifest['embedder']) == (
      8, 6, 'feed')
  assert str(tmp_path) not in json.dumps(manifest)
  assert layout.is_gallery(tmp_path / 'g')


def test_rounds_of_several_processes_make_the_same_rows(
    tmp_path, photo, monkeypatch):
  """Rounds of two blocks, each embedded in two parts, as by two processes."""
  whole = tiny.content(tiny.build(tmp_path / 'one', [photo]).path)
  parts = []
  def in_parts(compute, num_rows):
    half = num_rows // 2
    parts.append(num_rows)
    return np.concatenate([compute(slice(0, half)),
                           compute(slice(half, num_rows))])
  monkeypatch.setattr(segment_writer, 'BLOCK_ROWS', 3)
  monkeypatch.setattr(segment_writer.processes, 'in_parts', in_parts)
  monkeypatch.setattr(segment_writer, 'jax', types.SimpleNamespace(
      process_count=lambda: 2, process_index=lambda: 0))
  assert tiny.content(tiny.build(tmp_path / 'two', [photo]).path) == whole
  assert parts == [6, 3]  # Of nine rows.
