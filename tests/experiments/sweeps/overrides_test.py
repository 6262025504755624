"""Sweeps are what one would write by hand, without duplicates."""

import re

from experiments.sweeps import overrides
import pytest


def test_product_is_every_combination_last_key_fastest():
  assert overrides.product({'a.lr': (0.1, 0.2), 'seed': [0, 1, 2]}) == [
      {'a.lr': 0.1, 'seed': 0}, {'a.lr': 0.1, 'seed': 1},
      {'a.lr': 0.1, 'seed': 2}, {'a.lr': 0.2, 'seed': 0},
      {'a.lr': 0.2, 'seed': 1}, {'a.lr': 0.2, 'seed': 2}]


def test_zipped_goes_side_by_side():
  assert overrides.zipped({'a': (1, 2), 'b': ('x', 'y')}) == [
      {'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]
  with pytest.raises(ValueError, match=r"'a': 2, 'b': 1.*make them equal"):
    overrides.zipped({'a': (1, 2), 'b': ('x',)})


def test_chain_and_override_leave_their_arguments_alone():
  first, second = [{'a': 1}], [{'b': 2}, {}]
  assert overrides.chain(first, second) == [{'a': 1}, {'b': 2}, {}]
  assert overrides.override(second, {'c': 4}) == [{'b': 2, 'c': 4}, {'c': 4}]
  assert overrides.override(first, {'a': 3}) == [{'a': 3}]
  assert (first, second) == ([{'a': 1}], [{'b': 2}, {}])


def test_zipped_parts_times_seeds_from_the_four_helpers():
  pairs = overrides.zipped({'a': (1, 2), 'b': (3, 4)})
  chained = overrides.chain(
      *(overrides.override(pairs, {'seed': s}) for s in (0, 1)))
  assert chained == [
      {'a': 1, 'b': 3, 'seed': 0}, {'a': 2, 'b': 4, 'seed': 0},
      {'a': 1, 'b': 3, 'seed': 1}, {'a': 2, 'b': 4, 'seed': 1}]


@pytest.mark.parametrize('build', [
    lambda: overrides.product({'a': (1, 1)}),
    lambda: overrides.zipped({'a': (1, 1), 'b': (2, 2)}),
    lambda: overrides.chain([{'a': 1, 'b': 2}], [{'b': 2, 'a': 1}]),
    lambda: overrides.override([{'a': 1}, {'a': 2}], {'a': 3}),
    lambda: overrides.check([{'a': 1}, {'a': 1}]),
])
def test_duplicates_are_refused(build):
  with pytest.raises(ValueError, match='items 0 and 1 of the sweep are the sa'):
    build()


@pytest.mark.parametrize('axes, complaint', [
    ({}, 'no keys'), ({'a': 'abc'}, "a: 'abc' is no list of values"),
    ({'a': ()}, 'no list of values')])
def test_axes_need_lists_of_values(axes, complaint):
  for build in (overrides.product, overrides.zipped):
    with pytest.raises(ValueError, match=complaint):
      build(axes)


@pytest.mark.parametrize('sweep', [{'a': 1}, [1], [{1: 2}], None, ({'a': 1},)])
def test_a_sweep_is_a_list_of_dicts(sweep):
  with pytest.raises(ValueError, match='list of {key: value}'):
    overrides.check(sweep)


def test_a_sweep_without_items_is_refused():
  with pytest.raises(ValueError, match='has no items'):
    overrides.check([])


@pytest.mark.parametrize('item, name', [
    ({}, 'base'),
    ({'optimizer.lr': 1e-5, 'seed': 3}, 'lr-1e-05_seed-3'),
    ({'seed': 3, 'optimizer.lr': 1e-5}, 'lr-1e-05_seed-3'),
    ({'a.lr': 1, 'b.lr': -2}, 'a.lr-1_b.lr--2'),
    ({'flag': True, 'kind': 'big'}, 'flag-True_kind-big'),
])
def test_name_is_short_and_does_not_depend_on_order(item, name):
  assert overrides.name(item) == name


def test_name_is_safe_and_keeps_apart_what_it_must_respell():
  values = ('a/b', 'a b', 'a_b', '../x', 'Łódź', '', (1, 2), (1, 3), 'x' * 300,
            'x' * 301, 'a\nb', '$(ls)')
  names = [overrides.name({'key': value}) for value in values]
  assert len(set(names)) == len(values)
  for name in names:
    assert re.fullmatch(r'[A-Za-z0-9.+_-]{1,64}', name) and name[0] == 'k'
