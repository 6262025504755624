"""The order of rows in an endless, shuffled stream.

  positions  0 1 2 3 4 5 | 6 7 8 9 …      6 rows, batches of 4
  epochs     └── perm 0 ─┘ └── perm 1 …   every row once in each
  steps      └─ 0 ──┘ └── 1 ──┘           step s is positions 4s … 4s+3

Where the rows do not fit into memory, the shuffle works on blocks of
consecutive rows, so that the disk is read in pieces as large as a block:

  file     │ block 0 │ block 1 │ block 2 │ block 3 │ 4 │   the last is shorter
  epoch    │ block 3 │ block 0 │ 4 │ block 2 │ block 1 │   blocks permuted
           └──── window 0 ─────┴─ window 1 ──┴─ window 2 ┘ here of two blocks
  position   rows of 3, 0 mixed│ of 4, 2 mixed│ of 1      again the next epoch

Where each host is to read its own rows and no others, the rows are cut into
lanes, which are streams of their own and give equal parts of every batch:

  file     │ lane 0: rows 0 … 24 │ lane 1: rows 25 … 49 │   each its own epochs
  step     ├── half of a batch ──┼── the other half ────┤
  hosts    two take a lane each, one takes both: the batch is the same

The order is a pure function of (seed, rows, position): no state, no workers,
no hosts. A host takes its contiguous part of each step's batch, so the batch
of a step is the same rows in the same order on any number of hosts.
"""

from collections.abc import Callable
import dataclasses
import functools
import hashlib

from jaxtyping import Int
import numpy as np

_NUM_DIGESTED = 1024


@dataclasses.dataclass(frozen=True)
class Plan:
  """An epoch's blocks in their order, and the place where each begins."""

  blocks: Int[np.ndarray, 'b']
  starts: Int[np.ndarray, 'b']


@dataclasses.dataclass(frozen=True)
class Order:
  """The stream's order; `shuffle=False` repeats the rows in their own order.

  Attributes:
    num_rows: of the source.
    seed: another seed is another order.
    shuffle: whether to permute at all.
    block_rows: consecutive rows of a block; 0 shuffles all rows freely.
    window_blocks: blocks whose rows are mixed with each other.
    first_row: the rows are first_row to first_row + num_rows - 1.
  """

  num_rows: int
  seed: int
  shuffle: bool = True
  block_rows: int = 0
  window_blocks: int = 0
  first_row: int = 0

  def __post_init__(self):
    if self.num_rows < 1:
      raise ValueError(f'num_rows={self.num_rows}: there is nothing to order')
    if self.seed < 0:
      raise ValueError(f'seed={self.seed}: must be 0 or more')
    if min(self.block_rows, self.window_blocks) < 0 or (
        (self.block_rows > 0) != (self.window_blocks > 0)):
      raise ValueError(f'block_rows={self.block_rows}, window_blocks='
                       f'{self.window_blocks}: both above 0, or both 0')

  def lane(self, index: int, count: int) -> 'Order':
    """The order of one of so many parts of consecutive rows."""
    first, stop = (i * self.num_rows // count for i in (index, index + 1))
    if first == stop or self.window_blocks % count:
      raise ValueError(f'lanes={count}: must be at most the {self.num_rows} '
                       f'rows and divide window_blocks={self.window_blocks}')
    return dataclasses.replace(
        self, first_row=self.first_row + first, num_rows=stop - first,
        window_blocks=self.window_blocks // count)

  def rows(self, positions: Int[np.ndarray, 'n']) -> Int[np.ndarray, 'n']:
    """The row at each position of the stream, [n]."""
    if len(positions) and positions.min() < 0:
      raise ValueError(f'position {positions.min()}: must be 0 or more')
    epochs, places = np.divmod(positions, self.num_rows)
    if not self.shuffle:
      return self.first_row + places
    rows = np.empty(len(positions), np.int64)
    for epoch in np.unique(epochs):
      at = epochs == epoch
      rows[at] = self._of_epoch(int(epoch), places[at])
    return rows

  def blocks_ahead(self, positions: Int[np.ndarray, 'n']) -> Int[
      np.ndarray, 'b']:
    """Blocks to read while those positions are used: a window further on."""
    window = self.block_rows * self.window_blocks
    if not window or not self.shuffle:
      return np.empty(0, np.int64)
    epochs, places = np.divmod(positions + window, self.num_rows)
    blocks = []
    for epoch in np.unique(epochs):
      plan = self._plans(int(epoch))
      at = np.searchsorted(plan.starts, places[epochs == epoch], 'right') - 1
      blocks.append(plan.blocks[np.unique(at)])
    return np.concatenate(blocks)

  def _of_epoch(self, epoch: int, places: np.ndarray) -> np.ndarray:
    if not self.block_rows:
      return self.first_row + self._permutations(epoch)[places].astype(np.int64)
    plan = self._plans(epoch)
    begins = plan.starts[::self.window_blocks]
    windows = np.searchsorted(begins, places, side='right') - 1
    rows = np.empty(len(places), np.int64)
    for window in np.unique(windows):
      at = windows == window
      mixed = self._windows(epoch, int(window))
      rows[at] = mixed[places[at] - begins[window]]
    return rows

  # What epochs in use share; each lane has its own, of as few as it needs.
  @functools.cached_property
  def _permutations(self) -> Callable[[int], np.ndarray]:
    return functools.lru_cache(maxsize=2)(self._permutation)

  @functools.cached_property
  def _plans(self) -> Callable[[int], Plan]:
    return functools.lru_cache(maxsize=3)(self._plan)

  @functools.cached_property
  def _windows(self) -> Callable[[int, int], np.ndarray]:
    return functools.lru_cache(maxsize=8)(self._window)

  def _permutation(self, epoch: int) -> np.ndarray:
    # Ints of half the size: nine million rows are 36 MB an epoch.
    rows = np.arange(self.num_rows, dtype=np.int32 if self.num_rows < 2**31
                     else np.int64)
    self._rng(epoch).shuffle(rows)
    return rows

  def _plan(self, epoch: int) -> Plan:
    size, first = self.block_rows, self.first_row
    stop = first + self.num_rows
    blocks = np.arange(first // size, -(-stop // size))
    self._rng(epoch).shuffle(blocks)
    # Where lanes meet inside a block, each has its rows of it.
    sizes = (np.minimum(blocks * size + size, stop)
             - np.maximum(blocks * size, first))
    return Plan(blocks, np.cumsum(sizes) - sizes)

  def _window(self, epoch: int, window: int) -> np.ndarray:
    start = window * self.window_blocks
    blocks = self._plans(epoch).blocks[start:start + self.window_blocks]
    rows = (blocks[:, None] * self.block_rows
            + np.arange(self.block_rows)).reshape(-1)
    rows = rows[(rows >= self.first_row)
                & (rows < self.first_row + self.num_rows)]
    # Not window 0: numpy takes [seed, epoch, 0] for [seed, epoch].
    self._rng(epoch, window + 1).shuffle(rows)
    return rows

  def _rng(self, epoch: int, *more: int) -> np.random.Generator:
    lane = [0, self.first_row] if self.first_row else []
    return np.random.default_rng([self.seed, epoch, *lane, *more])

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

  def lanes(self, count: int) -> range:
    """Which of so many lanes are this host's."""
    if count % self.count:
      raise ValueError(f'lanes={count} do not divide among {self.count} hosts: '
                       f'set a multiple of {self.count}')
    part = count // self.count
    return range(self.index * part, (self.index + 1) * part)

  def positions(self, step: int, batch_size: int) -> Int[np.ndarray, 'b']:
    """Positions of this host's part of the global batch of that step."""
    if batch_size % self.count:
      raise ValueError(f'batch_size {batch_size} does not divide among '
                       f'{self.count} hosts')
    part = batch_size // self.count
    start = step * batch_size + self.index * part
    return np.arange(start, start + part)
