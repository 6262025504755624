"""A row's licence is that of the store which it came from, whatever follows."""

import numpy as np
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, update, verify, writer
import pytest

from tests.fixtures import tiny_gallery as tiny

PHOTO = writer.Settings('photo')


def stored(folder, prefix, licence):
  return tiny.make_store(folder / prefix, tiny.names(prefix, 3),
                         facts={'licence': licence})


def licences(gallery):
  ids = gallery.ids(np.arange(len(gallery))).tolist()
  return dict(zip(ids, gallery.licences.decode(
      np.arange(len(gallery))).tolist()))


def test_rows_keep_theirs_through_additions_and_compaction(tmp_path):
  path = tmp_path / 'g'
  built = tiny.build(path, [stored(tmp_path, 'a', 'own'),
                            stored(tmp_path, 'b', 'CC BY 4.0')], PHOTO)
  expected = dict.fromkeys(tiny.names('a', 3), 'own') | dict.fromkeys(
      tiny.names('b', 3), 'CC BY 4.0')
  assert licences(built) == expected
  expected |= dict.fromkeys(tiny.names('c', 3), '')
  assert licences(tiny.add(path, [stored(tmp_path, 'c', '')])) == expected
  update.remove(path, np.array(['b1']))
  del expected['b1']
  assert licences(update.compact(path)) == expected
  assert verify.verify(path)['rows'] == 8
  opened = galleries.open_gallery(path)
  bad = opened.files.path(f'segments/{opened.segments[0].name}/licence.i32.bin')
  bad.write_bytes(b'\7' + bad.read_bytes()[1:])
  with pytest.raises(layout.BadGallery, match='licence.i32.bin'):
    licences(galleries.open_gallery(path))


def test_galleries_of_before_have_none_and_stay_as_they_were(tmp_path, capsys):
  built = tiny.build(tmp_path / 'g', [stored(tmp_path, 'a', '')], PHOTO,
                     quiet=True)
  assert capsys.readouterr().err == ''
  assert set(licences(built).values()) == {''}
  assert not list(built.path.rglob('licence*'))


def test_a_store_says_it_and_another_licence_is_another_store(tmp_path):
  first, second, none = (stores.open_store(stored(tmp_path / name, 'a', text))
                         for name, text in (('x', 'own'), ('y', 'CC0'),
                                            ('z', '')))
  assert (first.licence, second.licence, none.licence) == ('own', 'CC0', '')
  assert 'licence' not in none.manifest  # As earlier versions wrote it.
  assert len({x.fingerprint() for x in (first, second, none)}) == 3
  with pytest.raises(ValueError, match='licence: 1 names do not fit on a line'):
    stored(tmp_path / 'w', 'a', 'two\nlines')
