"""Tensors of a legacy `torch.save` file; what else is in it is never run.

  magic ─▶ version ─▶ system ─▶ state dict ─▶ keys ─▶ numbers of every key
  (five pickles, end to end)                          (a count, then values)

A pickle is a program for a stack machine. This machine has the instructions
that build numbers, text, tuples, lists and dicts, and calls two names; it
refuses the rest by name, so a file can neither import nor call anything.
"""

from collections.abc import Mapping
import dataclasses
import io
import math
import pickletools
from typing import Any

import numpy as np
from pinpoint_jax.disk.weights import WeightsError

_MAGIC = 0x1950a86a20f9469cfc6c
_VERSION = 1001
_PICKLE_PROTOCOL = 2
_MAX_INSTRUCTIONS = 100_000  # A state dict of 300 tensors takes 12,000.
_MAX_DIMS = 8
_DICT = 'collections.OrderedDict'
_TENSOR = 'torch._utils._rebuild_tensor_v2'
_STORAGES = {'torch.FloatStorage': '<f4', 'torch.DoubleStorage': '<f8',
             'torch.HalfStorage': '<f2', 'torch.LongStorage': '<i8'}
_NAMES = (_DICT, _TENSOR, *_STORAGES)
_PUSH_ARGUMENT = ('BININT', 'BININT1', 'BININT2', 'LONG1', 'BINUNICODE')
_PUSH_NEW = {'NONE': lambda: None, 'NEWTRUE': lambda: True,
             'NEWFALSE': lambda: False, 'EMPTY_TUPLE': tuple,
             'EMPTY_LIST': list, 'EMPTY_DICT': dict}
_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
# What a crafted pickle makes of this machine and of pickletools.
_MALFORMED = (ValueError, TypeError, IndexError, KeyError, OverflowError)


def parse(data: bytes, origin: str) -> dict[str, np.ndarray]:
  """Arrays by name of the state dict in a file's bytes, not copied.

  `origin` names the file in the WeightsError for whatever is not one.
  """
  file = io.BytesIO(data)
  try:
    _check_head(file)
    views = _Machine().run(file)
    keys = _Machine().run(file)
    _refuse_other_entries(views)
    kinds = _kinds(views)
    storages = _storages(data, file.tell(), keys, kinds)
    return {name: _array(name, view, storages[view.storage.key])
            for name, view in views.items()}
  except _MALFORMED as error:
    raise WeightsError(f'{origin}: no state dict of a legacy torch.save: '
                       f'{" ".join(str(error).split())[:200]}') from error


@dataclasses.dataclass(frozen=True)
class _Name:
  """Something to import, which is never imported."""

  text: str


@dataclasses.dataclass(frozen=True)
class _Storage:
  key: str
  dtype: str
  count: int


@dataclasses.dataclass(frozen=True)
class _View:
  storage: _Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]


class _Machine:
  """Runs one pickle."""

  def __init__(self):
    self._stack, self._marks, self._memo = [], [], {}

  def run(self, file: io.BytesIO) -> Any:
    """The object that the pickle at the file's position builds."""
    instructions = pickletools.genops(file)
    for count, (opcode, argument, position) in enumerate(instructions):
      if count == _MAX_INSTRUCTIONS:
        raise ValueError(f'a pickle of more than {_MAX_INSTRUCTIONS:,} '
                         'instructions')
      if opcode.name == 'STOP':
        return self._stack.pop()
      if not (self._build(opcode.name, argument)
              or self._call(opcode.name, argument)):
        raise ValueError(f'pickle instruction {opcode.name} at byte '
                         f'{position} has no place there')
    raise ValueError('a pickle without an end')

  def _build(self, name: str, argument: Any) -> bool:
    """Numbers, text and containers; False for another instruction."""
    stack = self._stack
    if name in _PUSH_ARGUMENT:
      stack.append(argument)
    elif name in _PUSH_NEW:
      stack.append(_PUSH_NEW[name]())
    elif name in _TUPLES:
      stack.append(tuple(self._pop(len(stack) - _TUPLES[name])))
    elif name == 'TUPLE':
      stack.append(tuple(self._pop(self._marks.pop())))
    elif name == 'MARK':
      self._marks.append(len(stack))
    elif name in ('BINPUT', 'LONG_BINPUT'):
      self._memo[argument] = stack[-1]
    elif name in ('BINGET', 'LONG_BINGET'):
      stack.append(self._memo[argument])
    elif name in ('SETITEM', 'SETITEMS'):
      start = len(stack) - 2 if name == 'SETITEM' else self._marks.pop()
      self._set_items(self._pop(start))
    elif name in ('APPEND', 'APPENDS'):
      start = len(stack) - 1 if name == 'APPEND' else self._marks.pop()
      items = self._pop(start)
      _typed(stack[-1], list).extend(items)
    else:
      return False
    return True

  def _call(self, name: str, argument: Any) -> bool:
    """What in a real unpickler imports and calls."""
    stack = self._stack
    if name == 'PROTO':
      if argument != _PICKLE_PROTOCOL:
        raise ValueError(f'pickle protocol {argument}, torch.save writes '
                         f'{_PICKLE_PROTOCOL}')
    elif name == 'GLOBAL':
      stack.append(_Name(_allowed(argument.replace(' ', '.'))))
    elif name == 'REDUCE':
      called, arguments = self._pop(len(stack) - 2)
      stack.append(_reduced(_typed(called, _Name).text,
                            _typed(arguments, tuple)))
    elif name == 'BINPERSID':
      stack.append(_storage(*_typed(stack.pop(), tuple)))
    elif name == 'BUILD':  # Notes beside a state dict: none are kept.
      stack.pop()
      _typed(stack[-1], dict)
    else:
      return False
    return True

  def _pop(self, start: int) -> list[Any]:
    """Takes what lies on the stack from `start` on."""
    if not 0 <= start <= len(self._stack):
      raise ValueError('a pickle that takes more than it has')
    items = self._stack[start:]
    del self._stack[start:]
    return items

  def _set_items(self, items: list[Any]) -> None:
    target = _typed(self._stack[-1], dict)
    # Text alone: hashing nested tuples would recurse as deep as a file likes.
    keys = [_typed(key, str) for key in items[::2]]
    target.update(zip(keys, items[1::2], strict=True))


def _typed(value: Any, kind: type) -> Any:
  if type(value) is not kind:
    raise ValueError(f'a {type(value).__name__} in the place of a '
                     f'{kind.__name__}')
  return value


def _allowed(name: str) -> str:
  if name not in _NAMES:
    raise ValueError(f'it names {name!r}, which is never imported; a state '
                     f'dict needs {_DICT}, {_TENSOR} and storages of torch')
  return name


def _reduced(name: str, arguments: tuple) -> Any:
  if name == _DICT and not arguments:
    return {}
  if name != _TENSOR:
    raise ValueError(f'it calls {name} with {len(arguments)} arguments')
  storage, offset, shape, strides, *_ = arguments
  for number in (offset, *_typed(shape, tuple), *_typed(strides, tuple)):
    if _typed(number, int) < 0:
      raise ValueError('a tensor with a negative size, offset or stride')
  return _View(_typed(storage, _Storage), offset, shape, strides)


def _storage(kind: Any, dtype: Any, key: Any, place: Any, count: Any,
             view: Any = None) -> _Storage:
  name = _typed(dtype, _Name).text
  if _typed(kind, str) != 'storage' or name not in _STORAGES or (
      view is not None):
    raise ValueError('a reference to something else than a whole storage')
  if _typed(count, int) < 0:
    raise ValueError(f'a storage of {count} numbers')
  return _Storage(_typed(key, str), _STORAGES[name], count)


def _check_head(file: io.BytesIO) -> None:
  head = [_Machine().run(file) for _ in range(3)]
  if _typed(head[0], int) != _MAGIC or _typed(head[1], int) != _VERSION:
    raise ValueError('it does not begin with torch\'s magic number and version')
  if _typed(head[2], dict).get('little_endian') is not True:
    raise ValueError('its numbers are not little-endian')


def _refuse_other_entries(views: Any) -> None:
  for name, view in _typed(views, dict).items():
    if type(view) is not _View:
      raise ValueError(f'{name!r} is a {type(view).__name__} and no tensor')


def _kinds(views: Mapping[str, _View]) -> dict[str, _Storage]:
  """The storages in use by key."""
  kinds: dict[str, _Storage] = {}
  for view in views.values():
    if kinds.setdefault(view.storage.key, view.storage) != view.storage:
      raise ValueError(f'storage {view.storage.key!r} has two descriptions')
  return kinds


def _storages(data: bytes, start: int, keys: Any,
              kinds: Mapping[str, _Storage]) -> dict[str, np.ndarray]:
  """Numbers of each key: what follows the pickles, to the last byte."""
  keys = [_typed(key, str) for key in _typed(keys, list)]
  if sorted(keys) != sorted(kinds):
    raise ValueError('its storages are not those which its tensors name')
  storages = {}
  for key in keys:
    kind = kinds[key]
    count = int.from_bytes(data[start:start + 8], 'little')
    if count != kind.count:
      raise ValueError(f'storage {key!r} has {count} numbers, its tensors '
                       f'say {kind.count}')
    end = start + 8 + count * np.dtype(kind.dtype).itemsize
    if end > len(data):
      raise ValueError(f'it ends within storage {key!r}')
    storages[key] = np.frombuffer(data, kind.dtype, count, start + 8)
    start = end
  if start != len(data):
    raise ValueError(f'{len(data) - start} bytes follow its last storage')
  return storages


def _array(name: str, view: _View, values: np.ndarray) -> np.ndarray:
  """The numbers of a view, read-only; none lies outside its storage."""
  if not len(view.shape) == len(view.strides) <= _MAX_DIMS:
    raise ValueError(f'{name!r} has {len(view.shape)} sizes and '
                     f'{len(view.strides)} strides; {_MAX_DIMS} at most')
  count = math.prod(view.shape)
  last = view.offset + sum(
      (size - 1) * stride for size, stride in zip(view.shape, view.strides))
  if count > len(values) or (count and last >= len(values)):
    raise ValueError(f'{name!r} reaches past the {len(values)} numbers of its '
                     'storage')
  if not count:
    return np.zeros(view.shape, values.dtype)
  strides = [stride * values.itemsize for stride in view.strides]
  return np.lib.stride_tricks.as_strided(
      values[view.offset:], view.shape, strides, writeable=False)
