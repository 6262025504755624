"""Which row stands where in an endless, shuffled stream of rows.

  positions  0 1 2 3 4 5 | 6 7 8 9 …      6 rows, batches of 4
  epochs     └── perm 0 ─┘ └── perm 1 …   every row once in each
  steps      └─ 0 ──┘ └── 1 ──┘           step s is positions 4s … 4s+3

The order is a pure function of (seed, number of rows, position): no state, no
workers, no hosts. A host takes its contiguous part of each step's batch, so
the batch of a step is the same rows in the same order on any number of hosts.
"""

import dataclasses
import functools
import hashlib

from jaxtyping import Int
import numpy as np

_NUM_DIGESTED = 1024


@functools.lru_cache(maxsize=4)
def _permutation(num_rows: int, seed: int, epoch: int) -> np.ndarray:
  # Ints of half the size: nine million rows are 36 MB an epoch.
  rows = np.arange(num_rows, dtype=np.int32 if num_rows < 2**31 else np.int64)
  np.random.default_rng([seed, epoch]).shuffle(rows)
  return rows


@dataclasses.dataclass(frozen=True)
class Order:
  """The stream's order; `shuffle=False` repeats the rows as they stand."""

  num_rows: int
  seed: int
  shuffle: bool = True

  def __post_init__(self):
    if self.num_rows < 1:
      raise ValueError(f'num_rows={self.num_rows}: there is nothing to order')
    if self.seed < 0:
      raise ValueError(f'seed={self.seed}: must be 0 or more')

  def rows(self, positions: Int[np.ndarray, 'n']) -> Int[np.ndarray, 'n']:
    """The row at each position of the stream, [n]."""
    if len(positions) and positions.min() < 0:
      raise ValueError(f'position {positions.min()}: must be 0 or more')
    epochs, places = np.divmod(positions, self.num_rows)
    if not self.shuffle:
      return places
    rows = np.empty(len(positions), np.int64)
    for epoch in np.unique(epochs):
      at = epochs == epoch
      rows[at] = _permutation(self.num_rows, self.seed, int(epoch))[places[at]]
    return rows

  def digest(self) -> str:
    """Eight hex digits of the order itself: another numpy would show here."""
    head = np.arange(min(_NUM_DIGESTED, self.num_rows))
    return hashlib.sha256(self.rows(head).tobytes()).hexdigest()[:8]


@dataclasses.dataclass(frozen=True)
class Host:
  """This process among those that share each batch."""

  index: int = 0
  count: int = 1

  def __post_init__(self):
    if not 0 <= self.index < self.count:
      raise ValueError(f'host {self.index} of {self.count}: the index counts '
                       f'from 0 to count - 1')

  def positions(self, step: int, batch_size: int) -> Int[np.ndarray, 'b']:
    """Positions of this host's part of the global batch of that step."""
    if batch_size % self.count:
      raise ValueError(f'batch_size {batch_size} does not divide among '
                       f'{self.count} hosts')
    part = batch_size // self.count
    start = step * batch_size + self.index * part
    return np.arange(start, start + part)
