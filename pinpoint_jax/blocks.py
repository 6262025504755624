"""Rows of arrays: evenly spread samples, blocks, parts laid end to end.

A compiled function takes one shape, so the last block is filled up with
zeros. What a row gets can then not depend on the rows around it.
"""

from collections.abc import Callable, Iterator
from concurrent import futures
import os
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Int, Shaped
import numpy as np

T = TypeVar('T')


def evenly_spread(num_rows: int, most: int) -> Int[np.ndarray, 'n']:
  """At most `most` of num_rows row numbers, ascending, at equal distances."""
  count = min(num_rows, most)
  return np.arange(count) * num_rows // max(count, 1)


def pad_rows(
    rows: Shaped[np.ndarray, 'n *d'] | Shaped[jax.Array, 'n *d'], size: int,
) -> Shaped[np.ndarray, 'm *d'] | Shaped[jax.Array, 'm *d']:
  """The rows and zeros after them, up to the next multiple of `size`."""
  missing = -len(rows) % size
  if isinstance(rows, jax.Array):
    return jnp.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1))
  # Not np.pad: it takes ten times as long for a few rows.
  padded = np.zeros((len(rows) + missing, *rows.shape[1:]), rows.dtype)
  padded[:len(rows)] = rows
  return padded


def padded(size: int, *arrays: Shaped[np.ndarray, 'n ...']) -> Iterator[
    tuple[slice, list[np.ndarray]]]:
  """Which rows each block of arrays of equal length holds, and the block.

  The slice ends where the rows do; the block always has `size` rows.
  """
  for part in slices(len(arrays[0]), size):
    yield part, [pad_rows(array[part], size) for array in arrays]


def slices(num_rows: int, size: int) -> Iterator[slice]:
  """Ranges of at most `size` rows, one after the other, over all of them."""
  for start in range(0, num_rows, size):
    yield slice(start, min(start + size, num_rows))


# More threads wait for one another's Python: sixteen take longer than two.
THREADS = min(4, os.cpu_count() or 1)


def in_threads(function: Callable[[slice], T], num_rows: int,
               size: int) -> list[T]:
  """What the function returns for each of `slices`, several at a time.

  For numpy and jax, which leave Python to others while they compute.
  """
  parts = list(slices(num_rows, size))
  if len(parts) < 2 or THREADS == 1:
    return list(map(function, parts))
  with futures.ThreadPoolExecutor(THREADS) as pool:
    return list(pool.map(function, parts))


def by_part(ends: Int[np.ndarray, 'p'], rows: Int[np.ndarray, 'n']) -> Iterator[
    tuple[int, Int[np.ndarray, 'm'], Int[np.ndarray, 'm']]]:
  """Rows of parts laid end to end: which part, where in `rows`, which of it.

  `ends` are the rows up to the end of each part.
  """
  which = np.searchsorted(ends, rows, side='right')
  for part in np.unique(which).tolist():
    at = np.flatnonzero(which == part)
    yield part, at, rows[at] - (ends[part - 1] if part else 0)
