"""Text columns of a gallery: ids in order, and names behind codes.

Both stay as bytes on disk until they are needed.
"""

from collections.abc import Sequence
import dataclasses
import functools

from jaxtyping import Int, Shaped, UInt8
import numpy as np
from pinpoint_jax import types

# Ids that are decoded together when some are looked for.
_BLOCK = 4096


@dataclasses.dataclass(frozen=True)
class Ids:
  """Ids in ascending order, each on a line of its own.

  Attributes:
    text: the lines, UTF-8; may be memory-mapped.
    offsets: row i is text[offsets[i]:offsets[i + 1]], with its line's end.
  """

  text: UInt8[np.ndarray, 'bytes']
  offsets: Int[np.ndarray, 'n_plus_1']

  def __len__(self) -> int:
    return len(self.offsets) - 1

  def block(self, start: int, stop: int) -> types.Strings:
    """Ids of rows start to stop."""
    text = self.text[self.offsets[start]:self.offsets[stop]].tobytes()
    return np.asarray(text.decode().split('\n')[:-1], np.str_)

  def take(self, rows: Int[np.ndarray, 'm']) -> types.Strings:
    """Ids of those rows."""
    starts = self.offsets[rows].tolist()
    stops = (self.offsets[np.asarray(rows) + 1] - 1).tolist()
    # Not slices of the array: each would be a memory map of its own.
    text = memoryview(self.text)
    return np.asarray([str(text[a:b], 'utf-8') for a, b in zip(starts, stops)],
                      np.str_)

  def find(self, ids: Shaped[np.ndarray, 'm']) -> Int[np.ndarray, 'm']:
    """Row of each id, -1 where there is none."""
    rows = np.full(len(ids), -1, np.int64)
    if not len(self):
      return rows
    blocks = np.searchsorted(self._firsts, ids, 'right') - 1
    order = np.argsort(blocks, kind='stable')
    for at in np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1):
      if len(at) and blocks[at[0]] >= 0:
        rows[at] = self._find_in(int(blocks[at[0]]) * _BLOCK, ids[at])
    return rows

  def _find_in(self, start: int, ids: types.Strings) -> Int[np.ndarray, 'm']:
    known = self.block(start, min(start + _BLOCK, len(self)))
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[place] == ids, start + place, -1)

  @functools.cached_property
  def _firsts(self) -> types.Strings:
    return self.take(np.arange(0, len(self), _BLOCK))


@dataclasses.dataclass(frozen=True)
class Coded:
  """A column of few names: a number for each row.

  Attributes:
    codes: place in `names`, -1 where unknown, int32 [n].
    names: ascending, each once, [m].
  """

  codes: Int[np.ndarray, 'n']
  names: Shaped[np.ndarray, 'm']

  def __len__(self) -> int:
    return len(self.codes)

  def find(self, names: Shaped[np.ndarray, 'b']) -> Int[np.ndarray, 'b']:
    """Code of each name, -1 where no row has it."""
    if not len(self.names):
      return np.full(len(names), -1, np.int64)
    place = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
    return np.where(self.names[place] == names, place, -1).astype(np.int64)

  def decode(self, rows: Int[np.ndarray, 'b']) -> types.Strings:
    """Name of each of those rows, '' where unknown."""
    codes = np.asarray(self.codes[rows])
    known, place = np.unique(codes[codes >= 0], return_inverse=True)
    named = np.full(len(codes), '', self.names.dtype)
    named[codes >= 0] = self.names[known][place]
    return named

  def take(self, rows: Int[np.ndarray, 'b']) -> 'Coded':
    """Some of the rows, and only the names that they use."""
    return used(self.codes[rows], self.names)


def used(codes: Int[np.ndarray, 'n'], names: Shaped[np.ndarray, 'm']) -> Coded:
  """Codes renumbered so that every name is used."""
  kept = np.unique(codes[codes >= 0])
  renumbered = np.where(codes >= 0, np.searchsorted(kept, codes), -1)
  return Coded(renumbered.astype('<i4'), names[kept])


def join(parts: Sequence[Coded]) -> Coded:
  """The parts one after the other, with one list of names."""
  if len(parts) == 1:
    return parts[0]
  names = np.unique(np.concatenate(
      [np.zeros(0, np.str_), *(part.names for part in parts)]))
  codes = [np.where(part.codes >= 0, np.append(
      np.searchsorted(names, part.names), -1)[part.codes], -1)
           for part in parts]
  return Coded(np.concatenate([np.zeros(0, '<i4'), *codes]).astype('<i4'),
               names)


def lines(text: UInt8[np.ndarray, 'bytes']) -> types.Strings:
  """Names in a file of lines."""
  return np.asarray(text.tobytes().decode().split('\n')[:-1], np.str_)


def to_lines(names: types.Strings) -> tuple[bytes, Int[np.ndarray, 'n_plus_1']]:
  """One name per line, UTF-8, and where each begins."""
  encoded = [f'{name}\n'.encode() for name in names.tolist()]
  ends = np.cumsum([0, *map(len, encoded)], dtype='<i8')
  return b''.join(encoded), ends
