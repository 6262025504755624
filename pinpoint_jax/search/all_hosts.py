"""Exact search over the rows of all processes: each searches its own.

  process 0   rows 0 to g/2 ─▶ k best ─┐
  process 1   rows g/2 to g ─▶ k best ─┴▶ one gather ─▶ merged, everywhere

Nothing but k rows per query and process ever crosses the network, and every
process gets the answer that one process with all rows would give, to the bit.
"""

import jax
from jax.experimental import multihost_utils
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import exact, merge, row_sets
from pinpoint_jax.search import vectors as vectors_lib

# In the place of a row, from a process that could not search.
_FAILED = -2


class AllHosts:
  """Searched as exact.Exact is; all processes must ask the same at once."""

  def __init__(self, vectors: vectors_lib.Vectors,
               engine: exact.Engine = 'auto'):
    """vectors: all rows; only this process's part of them is read."""
    self._num_rows = len(vectors)
    self._part = part_of(len(vectors), jax.process_index(),
                         jax.process_count())
    scale = None if vectors.scale is None else vectors.scale[self._part]
    self._here = exact.Exact(
        vectors_lib.Vectors(vectors.stored[self._part], scale), engine)

  def __len__(self) -> int:
    return self._num_rows

  @property
  def num_scanned(self) -> int:
    """Queries so far that the devices of this process could not decide."""
    return self._here.num_scanned

  def search(self, queries: Float[np.ndarray, 'b _'], k: int,
             excluded: types.RowSets | None = None,
             allowed: Int[np.ndarray, 'n'] | None = None) -> types.Candidates:
    """The k best rows of all processes, as exact.search gives them."""
    first, last = self._part.start, self._part.stop
    failure = None
    try:
      here = self._here.search(
          queries, k,
          None if excluded is None else row_sets.within(excluded, first, last),
          None if allowed is None else allowed[slice(
              *np.searchsorted(allowed, (first, last)))] - first)
    except ValueError as error:  # The others wait: told first, raised then.
      failure = error
      here = types.Candidates(np.full((len(queries), k), _FAILED),
                              np.zeros((len(queries), k), np.float32))
    parts = _gathered(types.Candidates(
        np.where(here.rows < 0, here.rows, here.rows + first), here.scores))
    if failure is not None:
      raise failure
    if any((part.rows == _FAILED).any() for part in parts):
      raise ValueError('another process could not search its rows: its own '
                       'error says why')
    return merge.merge(parts, k)


def part_of(num_rows: int, index: int, count: int) -> slice:
  """The rows of process `index` of `count`, as even as can be."""
  return slice(num_rows * index // count, num_rows * (index + 1) // count)


def _gathered(here: types.Candidates) -> list[types.Candidates]:
  """The lists of all processes, in their order, by one transfer."""
  num, k = here.rows.shape
  # As 32 bits each: jax would cut an int64 to them.
  bits = np.concatenate([np.ascontiguousarray(here.rows).view(np.uint32),
                         here.scores.view(np.uint32)], axis=1)
  bits = np.asarray(multihost_utils.process_allgather(bits))
  bits = bits.reshape(jax.process_count(), num, 3 * k)
  return [types.Candidates(
      np.ascontiguousarray(part[:, :2 * k]).view(np.int64),
      np.ascontiguousarray(part[:, 2 * k:]).view(np.float32)) for part in bits]
