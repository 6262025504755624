"""An endless stream of independent pictures for training, each seen once.

Processes draw batches ahead of the one that trains. A position is one number,
so that a stopped run goes on with the very next picture.
"""

import collections
from collections.abc import Mapping
from concurrent import futures
import multiprocessing
import signal
from typing import Any

from input_pipeline.picture_earth import independent
from jaxtyping import Shaped
import numpy as np

Batch = dict[str, Shaped[np.ndarray, 'b ...']]


class Batches:
  """Batches of the pictures of one seed, in order; close it after use."""

  def __init__(self, seed: int, batch_size: int, processes: int,
               read_ahead: int = 8):
    """Draws in that many processes; 0 draws in this one."""
    if batch_size < 1 or processes < 0 or read_ahead < 1:
      raise ValueError(f'batch_size={batch_size}, processes={processes}, '
                       f'read_ahead={read_ahead}: must be at least 1, 0, 1')
    self.rows_per_step = batch_size
    self._seed, self._position = seed, 0
    self._ahead = read_ahead
    self._waiting: collections.deque[futures.Future] = collections.deque()
    # spawn: this process may hold jax threads, which do not survive a fork.
    self._pool = futures.ProcessPoolExecutor(
        processes, multiprocessing.get_context('spawn'),
        _ignore_interrupt) if processes else None

  def __next__(self) -> Batch:
    """pixels, values, shown and index of the next pictures."""
    if self._pool is None:
      batch = draw(self._seed, self._indices(self._position))
    else:
      while len(self._waiting) < self._ahead:
        self._waiting.append(self._pool.submit(
            draw, self._seed,
            self._indices(self._position + len(self._waiting))))
      batch = self._waiting.popleft().result()
    self._position += 1
    return batch

  def state(self) -> dict[str, Any]:
    """Where the stream is."""
    return {'position': self._position, 'seed': self._seed,
            'batch_size': self.rows_per_step}

  def restore(self, state: Mapping[str, Any]) -> None:
    """Goes on from there; refuses the position of another stream."""
    for name, value in (('seed', self._seed),
                        ('batch_size', self.rows_per_step)):
      if state.get(name) != value:
        raise ValueError(f'the saved position is of a stream with {name} '
                         f'{state.get(name)}, this one has {value}: use '
                         f'another workdir')
    self._forget()
    self._position = int(state['position'])

  def describe(self, batch: Batch) -> list[int]:
    """The indices of a batch, for messages."""
    return batch['index'].tolist()

  def close(self) -> None:
    """Ends the processes."""
    self._forget()
    if self._pool is not None:
      self._pool.shutdown(cancel_futures=True)

  def _forget(self) -> None:
    while self._waiting:
      self._waiting.popleft().cancel()

  def _indices(self, position: int) -> np.ndarray:
    return position * self.rows_per_step + np.arange(self.rows_per_step)


def draw(seed: int, indices: np.ndarray) -> Batch:
  """The pictures at those indices as a batch."""
  made = independent.pictures(seed, indices)
  return {'pixels': made.pixels, 'values': made.values, 'shown': made.shown,
          'index': indices}


def _ignore_interrupt() -> None:
  # Ctrl-C reaches every process of the terminal; the parent saves and ends us.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
