"""Folds that part no author and no sequence, whatever the source."""

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import folds
import pytest


def photos(source, *rows):
  """Rows of (author, sequence); ids are numbers of that source."""
  authors, sequences = (np.array(column, str) for column in zip(*rows))
  return types.Photos(np.array([f'{source}{i}' for i in range(len(rows))]),
                      np.zeros((len(rows), 2)), authors, sequences, source)


def test_rows_that_share_author_or_sequence_have_one_origin():
  table = photos('street', ('anna', 'd7'), ('', 'd7'), ('bob', 'd7'),
                 ('anna', ''), ('bob', 'd8'), ('', 'd9'), ('', ''))
  [names] = folds.origins([table])
  assert len(set(names[:5])) == 1
  assert len(set(names[4:])) == 3


def test_an_author_links_both_sources_and_a_sequence_its_own():
  first, second = folds.origins([
      photos('photo', ('anna', '1'), ('aaron', '1'), ('carl', ''), ('', '3')),
      photos('street', ('anna', '2'), ('dora', '1'), ('', '3'))])
  assert first[0] == first[1] == second[0]
  assert len({*first, *second}) == 5


@pytest.mark.parametrize('seed', range(5))
def test_no_origin_is_in_two_folds_and_each_source_is_balanced(seed):
  rng = np.random.default_rng(seed)
  tables = [photos(source, *[
      (f'a{rng.integers(60)}' if rng.random() < .5 else '',
       f's{rng.integers(60)}' if rng.random() < .2 else '')
      for _ in range(300)]) for source in types.SOURCES]
  numbers = folds.of_photos(tables, 3)
  names = folds.origins(tables)
  by_name = {}
  for name, number in zip(np.concatenate(names), np.concatenate(numbers)):
    assert by_name.setdefault(name, number) == number


def test_a_source_has_the_same_folds_beside_another_one():
  street = photos('street', *[('', f's{i % 17}') for i in range(100)])
  photo = photos('photo', *[(f'a{i % 3}', '') for i in range(50)])
  [alone] = folds.of_photos([street], 4)
  _, beside = folds.of_photos([photo, street], 4)
  np.testing.assert_array_equal(alone, beside)
  assert np.bincount(beside).min() >= 20


def test_sources_of_very_different_size_are_each_balanced():
  tables = [photos('photo', *[(f'a{i}', '') for i in range(1000)]),
            photos('street', *[('', f's{i}') for i in range(20)])]
  for fold in folds.of_photos(tables, 5):
    assert len(set(np.bincount(fold))) == 1


def test_rows_of_one_cluster_never_part():
  [fold] = folds.assign([np.array(['a', 'b', 'a', 'c', 'b', 'd', 'a'])], 2)
  assert fold[0] == fold[2] == fold[6] and fold[1] == fold[4]
  assert sorted(np.bincount(fold)) == [3, 4]


def test_one_fold_is_refused():
  with pytest.raises(ValueError, match='folds=1'):
    folds.assign([np.array(['a', 'b'])], 1)


def test_rows_in_a_block_of_a_held_out_row_are_too_near():
  """100 km apart along a parallel; the first row is held out."""
  table = photos('photo', *[('', '')] * 4)
  places = np.array([[60., 0.2], [60., 0.3], [60., 2.], [60.8, 0.2]])
  at = lambda table: types.Photos(table.ids, places, table.authors,
                                  table.sequences, table.source)
  other = at(photos('street', *[('', '')] * 4))
  held_out = [np.arange(4) == 0, np.zeros(4, bool)]
  near = folds.too_near([at(table), other], held_out, 50)
  assert [part.tolist() for part in near] == [
      [False, True, False, False], [True, True, False, False]]
  assert not np.any(folds.too_near([at(table), other], held_out, 0))
