"""Products on one thread while any search runs, and then as before."""

from concurrent import futures
import pathlib
import threading

import numpy as np
from pinpoint_jax.search import scan
import pytest


@pytest.fixture(name='num_threads')
def _num_threads():
  """The number of threads of each BLAS, now."""
  blas = scan._blas()
  if not blas.libraries:
    pytest.skip('this numpy has a BLAS whose threads cannot be set')
  return lambda: [x.get_num_threads() for x in blas.libraries]


def test_one_thread_inside_and_as_before_outside(num_threads):
  before = num_threads()
  with pytest.raises(KeyError), scan.one_thread() as alone:
    assert alone and set(num_threads()) == {1}
    raise KeyError
  assert num_threads() == before


def test_the_last_to_leave_restores_it(num_threads):
  before, entered, left = num_threads(), threading.Event(), threading.Event()
  def stay() -> list[int]:
    with scan.one_thread():
      entered.set()
      assert left.wait(60)
      return num_threads()
  with futures.ThreadPoolExecutor(1) as pool:
    with scan.one_thread():
      other = pool.submit(stay)
      assert entered.wait(60)
    left.set()
    assert set(other.result()) == {1}
  assert num_threads() == before


def test_numpy_is_among_the_libraries(num_threads):
  del num_threads
  # A linked environment has two names.
  packages = pathlib.Path(np.__file__).resolve().parents[1]
  assert any(pathlib.Path(x.filepath).resolve().is_relative_to(packages)
             for x in scan._blas().libraries)


def test_a_blas_of_another_kind_is_reported(monkeypatch):
  monkeypatch.setattr(scan, '_blas', lambda: scan._Blas([]))
  with scan.one_thread() as alone:
    assert not alone
    np.ones((4, 4)) @ np.ones((4, 4))
