"""What process 0 alone decides, known to all processes."""

from collections.abc import Callable
import sys

import jax
from jax.experimental import multihost_utils
import numpy as np

_FAILED = -2**31


class FirstFailed(ValueError):
  """Process 0 could not go on, so no process can."""


def by_first(decide: Callable[[], int]) -> int:
  """`decide()` as run by process 0 alone; if it raises, all processes do."""
  if jax.process_count() == 1:
    return decide()
  chosen = _FAILED
  try:
    if jax.process_index() == 0:
      chosen = decide()
  finally:
    chosen = int(multihost_utils.broadcast_one_to_all(np.int32(chosen)))
  if chosen == _FAILED:
    raise FirstFailed('process 0 could not go on: its own error says why')
  return chosen


def warn(line: str) -> None:
  """A warning that nobody can miss."""
  print(f'WARNING: {line}', file=sys.stderr, flush=True)
