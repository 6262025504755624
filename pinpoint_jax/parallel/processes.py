"""What several processes agree on, and work that they share.

Every function here is called by all processes of a run, in the same order; one
process alone has nobody to ask and pays nothing.
"""

from collections.abc import Callable, Iterator
import contextlib
from typing import Any, TypeVar

import jax
from jax.experimental import multihost_utils
from jaxtyping import Shaped
import numpy as np

_FAILED = -2**31
_OTHER = 'could not go on: its own error says why'
T = TypeVar('T')


def any_process(*flags: bool) -> tuple[bool, ...]:
  """Which of the flags hold on any process, in one exchange."""
  if jax.process_count() == 1:
    return flags
  held = multihost_utils.process_allgather(np.asarray(flags))
  return tuple(np.any(held, axis=0).tolist())


def by_first(decide: Callable[[], int]) -> int:
  """`decide()` as run by process 0 alone; if it raises, all processes do."""
  if jax.process_count() == 1:
    return decide()
  decision = _FAILED
  try:
    if jax.process_index() == 0:
      decision = decide()
  finally:
    decision = int(multihost_utils.broadcast_one_to_all(np.int32(decision)))
  if decision == _FAILED:
    raise ValueError(f'process 0 {_OTHER}')
  return decision


def from_first(tree: Any) -> Any:
  """Process 0's arrays on every process, each of which has such arrays.

  What each computes from the same numbers may differ in its last bit.
  """
  if jax.process_count() == 1:
    return tree
  return jax.tree.map(lambda x: _of_bytes(
      multihost_utils.broadcast_one_to_all(_bytes(x)), x), tree)


def first_then_all(work: Callable[[], T]) -> T:
  """`work()` on process 0, then on the others, which find what it left."""
  results = []
  by_first(lambda: results.append(work()) or 0)
  return results[0] if results else work()


def together(work: Callable[[], T]) -> T:
  """`work()` on each process, ended when all have; if one raises, all do."""
  failed = True
  try:
    result, failed = work(), False
  finally:
    (any_failed,) = any_process(failed)
  if any_failed:
    raise ValueError(f'another process {_OTHER}')
  return result


@contextlib.contextmanager
def held_by_first(
    held: contextlib.AbstractContextManager[None]) -> Iterator[None]:
  """Enters `held` on process 0 alone; refused to it, it is refused to all."""
  with contextlib.ExitStack() as stack:
    by_first(lambda: stack.enter_context(held) or 0)
    yield


def in_parts(compute: Callable[[slice], Shaped[np.ndarray, 'm ...']],
             num_rows: int) -> Shaped[np.ndarray, 'n ...']:
  """What `compute` gives for rows 0 to n - 1, a part of them by each process.

  `compute` must give a row the same whatever part it is in.
  """
  count = jax.process_count()
  if count == 1:
    return compute(slice(0, num_rows))
  size = -(-num_rows // count)
  # Parts of one size may overlap, for then none is ever empty or short.
  starts = [min(i * size, num_rows - size) for i in range(count)]
  start = starts[jax.process_index()]
  part = together(lambda: compute(slice(start, start + size)))
  parts = np.asarray(multihost_utils.process_allgather(_bytes(part)))
  joined = np.empty((num_rows, *part.shape[1:]), part.dtype)
  for start, other in zip(starts, parts):
    joined[start:start + size] = _of_bytes(other, part)
  return joined


def _bytes(array: Any) -> np.ndarray:
  # jax would make 32 bits of 64.
  return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _of_bytes(raw: Any, like: Any) -> np.ndarray:
  like = np.asarray(like)
  return np.ascontiguousarray(raw).view(like.dtype).reshape(like.shape)
