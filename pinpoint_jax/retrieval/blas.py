"""Products on one thread, so that threads of our own can run side by side.

Two of our threads, each with its own blocks, never wait for one another; two
threads inside one product wait at its end, and spin while they do.
"""

from collections.abc import Callable, Iterator
import contextlib
import ctypes
import dataclasses
import functools
import pathlib
import threading

import numpy as np

_lock = threading.Lock()


@dataclasses.dataclass
class _OpenBlas:
  """The number of threads of numpy's OpenBLAS, and who holds it at one."""

  get: Callable[[], int]
  put: Callable[[int], None]
  holders: int = 0
  before: int = 1


@contextlib.contextmanager
def one_thread() -> Iterator[bool]:
  """Products in here take one thread; False where they cannot be told so."""
  blas = _openblas()
  if blas is None:
    yield False
    return
  with _lock:
    if not blas.holders:
      blas.before = blas.get()
      blas.put(1)
    blas.holders += 1
  try:
    yield True
  finally:
    with _lock:
      blas.holders -= 1
      if not blas.holders:
        blas.put(blas.before)


@functools.cache
def _openblas() -> _OpenBlas | None:
  """What numpy's wheels bring; None for a numpy of another kind."""
  folder = pathlib.Path(np.__file__).parents[1] / 'numpy.libs'
  for path in folder.glob('libscipy_openblas64_*'):
    library = ctypes.CDLL(str(path))
    return _OpenBlas(library.scipy_openblas_get_num_threads64_,
                     library.scipy_openblas_set_num_threads64_)
  return None
