"""Folds of several stores: who is held out, and what is refused."""

import numpy as np
from pinpoint_jax import crossval, types
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store_writer
import pytest


def store(folder, source, authors, backbone='b'):
  """One row per author; the feature is the row's number."""
  num = len(authors)
  photos = types.Photos(
      np.array([f'{source}{i}' for i in range(num)]), np.zeros((num, 2)) + 1,
      np.array(authors), np.full(num, ''), source)
  features = np.arange(num, dtype=np.float32)[:, None].repeat(2, axis=1)
  path = folder / source
  store_writer.write(path, photos, [features], 2,
                     store_writer.FeatureOrigin(backbone, 'abc', 'none'))
  return rows_lib.open_rows([str(path)])


def test_an_author_of_both_sources_is_held_out_of_both(tmp_path):
  rows = {'photo': store(tmp_path, 'photo', ['anna', 'bob', 'anna', 'carl']),
          'street': store(tmp_path, 'street', ['dora', 'anna', 'emil', 'bob'])}
  folds = crossval.split(rows, 2)
  assert [fold.index for fold in folds] == [0, 1]
  for fold in folds:
    sides = [{name for part in side.values() for name in part.photos.authors}
             for side in (fold.train, fold.held_out)]
    assert not sides[0] & sides[1]
    assert set().union(*sides) == {'anna', 'bob', 'carl', 'dora', 'emil'}
    assert len(fold.gallery) == sum(map(len, fold.train.values()))
  held_out = [row for fold in folds for part in fold.held_out.values()
              for row in part.photos.ids]
  assert sorted(held_out) == sorted([f'{source}{i}' for source in rows
                                     for i in range(4)])


def test_the_gallery_is_named_by_its_sources(tmp_path):
  rows = {'photo': store(tmp_path, 'photo', list('abcd')),
          'street': store(tmp_path, 'street', list('efgh'), 'other')}
  both, alone = (crossval.split(some, 2)[0] for some in (
      rows, {'photo': rows['photo']}))
  assert both.gallery_mode == 'combined'
  assert alone.gallery_mode == 'same_source'
  assert both.channels == ('image', 'location')
  assert alone.channels == types.CHANNELS


def test_fewer_authors_than_folds_are_refused(tmp_path):
  rows = {'photo': store(tmp_path, 'photo', list('aabbb'))}
  with pytest.raises(ValueError, match='photo: 5 rows of 2 authors and seque'
                     'nces cannot make 3 folds'):
    crossval.split(rows, 3)


def test_a_source_whose_authors_all_follow_another_source_is_refused(tmp_path):
  # All street authors are linked to one photographer by a common sequence.
  photo = store(tmp_path, 'photo', list('abcd'))
  street = store(tmp_path, 'street', ['a', 'b', 'a', 'b'])
  tied = types.Photos(photo.photos.ids, photo.photos.latlng_deg,
                      photo.photos.authors, np.array(['s', 's', '', '']),
                      'photo')
  photo.__dict__['photos'] = tied
  with pytest.raises(ValueError, match='street: '):
    crossval.split({'photo': photo, 'street': street}, 2)


def test_no_block_has_rows_on_both_sides(tmp_path):
  """Author i of each source has rows in the towns i and i + 1."""
  rows = {source: store(tmp_path, source, [f'{source}{i // 2}' for i in
                                           range(20)]) for source in
          ('photo', 'street')}
  towns = np.array([[10. * ((i + 1) // 2 % 10), 20.] for i in range(20)])
  for part in rows.values():
    photos = part.photos
    part.__dict__['photos'] = types.Photos(
        photos.ids, towns, photos.authors, photos.sequences, photos.source)
  for fold in crossval.split(rows, 5, 10):
    out, kept = ({tuple(place) for part in side.values()
                  for place in towns[part.chosen]}
                 for side in (fold.held_out, fold.train))
    assert not out & kept and kept
    assert fold.block_km == 10
  free = crossval.split(rows, 5)[0]
  assert sum(map(len, free.train.values())) == 32


def test_blocks_that_leave_no_row_are_refused(tmp_path):
  rows = {'photo': store(tmp_path, 'photo', list('abcd'))}  # In one place.
  with pytest.raises(ValueError, match='blocks of 10 km of fold 1 no row'):
    crossval.split(rows, 2, 10)
