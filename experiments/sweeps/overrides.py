"""Sweeps as data: lists of config overrides, built by `sweep()` in a config.

  from experiments import sweeps

  BINARY = 'train_embedder'

  def sweep():
    return sweeps.product({'optimizer.learning_rate': (1e-3, 3e-4),
                           'seed': (0, 1, 2)})

An item is a dict of dotted config key to value; experiments/sweep.py runs it.
"""

from collections.abc import Mapping, Sequence
import hashlib
import itertools
import re
from typing import Any

Item = dict[str, Any]
Sweep = list[Item]

_NAME_LENGTH = 64
_UNSAFE = re.compile(r'[^A-Za-z0-9.+_-]+')


def product(axes: Mapping[str, Sequence[Any]]) -> Sweep:
  """Every combination of the values; the last key changes fastest."""
  _check_axes(axes)
  return _distinct([dict(zip(axes, values))
                    for values in itertools.product(*axes.values())])


def zipped(axes: Mapping[str, Sequence[Any]]) -> Sweep:
  """First values together, second values together, and so on."""
  _check_axes(axes)
  lengths = {key: len(values) for key, values in axes.items()}
  if len(set(lengths.values())) > 1:
    raise ValueError(f'zipped: keys have different numbers of values, '
                     f'{lengths}; make them equal')
  return _distinct([dict(zip(axes, values))
                    for values in zip(*axes.values())])


def chain(*parts: Sweep) -> Sweep:
  """One sweep after the other; an item that comes twice is refused."""
  return _distinct([dict(item) for part in parts for item in part])


def override(sweep: Sweep, values: Item) -> Sweep:
  """The sweep with `values` in every item, in place of its own if it has."""
  return _distinct([{**item, **values} for item in sweep])


def check(sweep: Any) -> None:
  """Refuses what is no list of {key: value}, an empty list, duplicates."""
  if not isinstance(sweep, list) or not all(
      isinstance(item, dict) and all(isinstance(key, str) for key in item)
      for item in sweep):
    raise ValueError(
        'a sweep is a list of {key: value}; build it with '
        'product, zipped, chain, override of experiments.sweeps.overrides')
  if not sweep:
    raise ValueError('the sweep has no items; give every key a value')
  _distinct(sweep)


def name(item: Item) -> str:
  """A short name, safe as a file name, that depends on the item alone.

  A digest ends it where a value had to be shortened or spelled otherwise.
  """
  if not item:
    return 'base'
  last = [key.rpartition('.')[2] for key in item]
  full = '_'.join(f'{short if last.count(short) == 1 else key}-{item[key]}'
                  for key, short in sorted(zip(item, last)))
  safe = _UNSAFE.sub('_', full)
  if safe == full and len(full) <= _NAME_LENGTH:
    return full
  digest = hashlib.sha256(repr(_identity(item)).encode()).hexdigest()[:8]
  return f'{safe[:_NAME_LENGTH - 9]}-{digest}'


def _identity(item: Item) -> tuple[tuple[str, str], ...]:
  return tuple(sorted((key, repr(value)) for key, value in item.items()))


def _distinct(sweep: Sweep) -> Sweep:
  seen = {}
  for index, item in enumerate(sweep):
    first = seen.setdefault(_identity(item), index)
    if first != index:
      raise ValueError(f'items {first} and {index} of the sweep are the same, '
                       f'{item}; remove one')
  return sweep


def _check_axes(axes: Mapping[str, Sequence[Any]]) -> None:
  if not axes:
    raise ValueError('the sweep has no keys; give {key: (value, value)}')
  for key, values in axes.items():
    if not isinstance(values, tuple | list) or not values:
      raise ValueError(f'{key}: {values!r} is no list of values; write '
                       f'{{{key!r}: (value, value)}}')
