"""Products on one thread for as long as anyone asks, and then as before."""

from concurrent import futures
import threading

import numpy as np
from pinpoint_jax.search import scan
import pytest


@pytest.fixture
def library():
  found = scan._openblas()
  if found is None:
    pytest.skip('this numpy has no OpenBLAS of its own')
  return found


def test_one_thread_inside_and_as_before_outside(library):
  before = library.get()
  with pytest.raises(KeyError), scan.one_thread() as alone:
    assert alone and library.get() == 1
    raise KeyError
  assert library.get() == before


def test_the_last_to_leave_puts_it_back(library):
  before, entered, left = library.get(), threading.Event(), threading.Event()
  def stay() -> int:
    with scan.one_thread():
      entered.set()
      assert left.wait(10)
      return library.get()
  with futures.ThreadPoolExecutor(1) as pool:
    with scan.one_thread():
      other = pool.submit(stay)
      assert entered.wait(10)
    left.set()
    assert other.result() == 1
  assert library.get() == before


def test_a_numpy_of_another_kind_is_told(monkeypatch):
  monkeypatch.setattr(scan, '_openblas', lambda: None)
  with scan.one_thread() as alone:
    assert not alone
    np.ones((4, 4)) @ np.ones((4, 4))
