"""Features from disk in blocks, a few of them held.

  chosen rows   0 … 4095 │ 4096 … 8191 │ …        block_rows = 4096
  stores        one read of the range that covers them, held-out rows included

For stores larger than memory: a row alone is 3 KB, far below what makes a disk
fast. Blocks used longest ago go first.
"""

import collections
from collections.abc import Sequence
from concurrent import futures
import os
import threading

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.features.store import FEATURES, BadStore, FeatureStore

# One read at a time leaves a disk waiting between reads.
_NUM_AHEAD = 2
_Block = Float[np.ndarray, 'c d']


class BlockReader:
  """Rows of stores laid end to end, read block by block; threads may share it.

  Attributes:
    num_reads: blocks read so far, of which `max_blocks` are held at most.
  """

  def __init__(self, stores: Sequence[FeatureStore],
               chosen: Int[np.ndarray, 'n'], block_rows: int, max_blocks: int):
    if block_rows < 1 or max_blocks < 1:
      raise ValueError(f'block_rows={block_rows}, max_blocks={max_blocks}: '
                       f'must be at least 1')
    if (np.diff(chosen) <= 0).any():
      raise ValueError('rows in blocks must be chosen in rising order')
    self._chosen, self._dim = chosen, stores[0].manifest['dim']
    self._ends = np.cumsum([len(store) for store in stores])
    self._paths = [store.files.path(FEATURES) for store in stores]
    self._block_rows, self._max_blocks = block_rows, max_blocks
    self._held = collections.OrderedDict()
    self._lock = threading.Lock()
    self._ahead = futures.ThreadPoolExecutor(_NUM_AHEAD, 'block_reader')
    self.num_reads = 0

  def __len__(self) -> int:
    """Blocks held now."""
    return len(self._held)

  def rows(self, rows: Int[np.ndarray, 'b']) -> Float[np.ndarray, 'b d']:
    """Features of those chosen rows, float16 [b, d]."""
    blocks = rows // self._block_rows
    order = np.argsort(blocks, kind='stable')
    numbers, starts = np.unique(blocks[order], return_index=True)
    features = np.empty((len(rows), self._dim), np.float16)
    for number, at in zip(numbers.tolist(), np.split(order, starts[1:])):
      inside = self._chosen[rows[at]] - self._chosen[number * self._block_rows]
      features[at] = self._block(number)[inside]
    return features

  def expect(self, blocks: Sequence[int]) -> None:
    """Begins to read those blocks in another thread."""
    for number in blocks:
      promised, new = self._claim(number)
      if new:
        self._ahead.submit(self._fill, number, promised)

  def _block(self, number: int) -> _Block:
    promised, new = self._claim(number)
    if new:
      self._fill(number, promised)
    return promised.result()

  def _claim(self, number: int) -> tuple[futures.Future, bool]:
    """The promise of a block, and whether the caller has to fulfil it."""
    with self._lock:
      new = number not in self._held
      if new:
        self._held[number] = futures.Future()
        self.num_reads += 1
      self._held.move_to_end(number)
      promised = self._held[number]
      while len(self._held) > self._max_blocks:
        self._held.popitem(last=False)
      return promised, new

  def _fill(self, number: int, promised: futures.Future) -> None:
    try:
      promised.set_result(self._read(number))
    except BaseException as error:
      with self._lock:  # The next reader tries again.
        self._held.pop(number, None)
      promised.set_exception(error)

  def _read(self, number: int) -> _Block:
    first = number * self._block_rows
    last = min(first + self._block_rows, len(self._chosen)) - 1
    begin, end = int(self._chosen[first]), int(self._chosen[last]) + 1
    block = np.empty((end - begin, self._dim), '<f2')
    start = 0
    for path, stop in zip(self._paths, self._ends.tolist()):
      low, high = max(begin, start), min(end, stop)
      if low < high:
        _read_into(path, low - start, block[low - begin:high - begin])
      start = stop
    return block


def _read_into(path: os.PathLike, first_row: int, rows: _Block) -> None:
  """Fills `rows` from the file of features at `path`."""
  with open(path, 'rb', buffering=0) as file:
    file.seek(first_row * rows.shape[1] * rows.itemsize)
    room = memoryview(rows).cast('B')
    while room:
      count = file.readinto(room)
      if not count:
        raise BadStore(f'{path} ends before row {first_row + len(rows)}')
      room = room[count:]
