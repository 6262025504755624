"""Batches in a fixed order, read ahead by Grain, resumable to the row.

A source gives rows by number: a TFDS data source, a list, anything with
`__len__` and `__getitem__` (and `__getitems__` where many rows are cheaper
together, `expect` where blocks can be read ahead). Batches
are random access by step; the position is one number, and it is saved with a
fingerprint, because a position means nothing in another order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import dataclasses
import functools
import sys
from typing import Any, Protocol, runtime_checkable

import grain
from input_pipeline import order as orders
import numpy as np

# Arrays by name, or trees of arrays: of a reranker's examples.
Batch = Mapping[str, Any]


@runtime_checkable
class RowSource(Protocol):
  """Rows by number."""

  def __len__(self) -> int: ...
  def __getitem__(self, row: int) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Pipeline:
  """What a stream of batches is.

  Attributes:
    source: rows by number.
    order: the order of the rows; its num_rows is the source's length.
    batch_size: rows of a step over all hosts.
    data: fingerprint of what the rows are, as of `Photos.fingerprint`.
    name: what `collate` does; changing the one must change the other.
    collate: rows to one batch; by default each column is stacked.
    host: which part of every batch is read here.
    lanes: parts of the rows that hosts read apart; 1 has every host read all.
  """

  source: RowSource
  order: orders.Order
  batch_size: int
  data: str
  name: str
  collate: Callable[[Sequence[Any]], Batch] | None = None
  host: orders.Host = orders.Host()
  lanes: int = 1

  def __post_init__(self):
    if len(self.source) != self.order.num_rows:
      raise ValueError(f'the source has {len(self.source)} rows, the order '
                       f'{self.order.num_rows}')
    self.host.positions(0, self.batch_size)  # Refuses what does not divide.
    if self.lanes < 1 or self.batch_size % self.lanes:
      raise ValueError(f'lanes={self.lanes}: must be at least 1 and divide '
                       f'batch_size {self.batch_size}')
    if self.order.block_rows:  # Else every host would read every block.
      self.host.lanes(self.lanes)

  @functools.cached_property
  def _streams(self) -> tuple[orders.Order, ...]:
    """The orders of which a batch here has equal parts."""
    if self.lanes == 1:
      return (self.order,)
    return tuple(self.order.lane(i, self.lanes)
                 for i in self.host.lanes(self.lanes))

  def _positions(self, step: int) -> np.ndarray:
    """Where each of the streams is read."""
    if self.lanes == 1:
      return self.host.positions(step, self.batch_size)
    return orders.Host().positions(step, self.batch_size // self.lanes)

  def rows(self, step: int) -> np.ndarray:
    """Row numbers of this host's part of the batch, [b]."""
    at = self._positions(step)
    return np.concatenate([stream.rows(at) for stream in self._streams])

  def batch(self, step: int) -> Batch:
    """This host's part of the batch of that step."""
    rows, at = self.rows(step).tolist(), self._positions(step)
    if self.order.block_rows and hasattr(self.source, 'expect'):
      for stream in self._streams:
        self.source.expect(stream.blocks_ahead(at).tolist())
    if hasattr(self.source, '__getitems__'):
      values = self.source.__getitems__(rows)
    else:
      values = [self.source[row] for row in rows]
    return (self.collate or stack)(values)

  def fingerprint(self) -> dict[str, Any]:
    """All that decides which rows a step holds; hosts do not."""
    about = {'seed': self.order.seed, 'data': self.data,
             'num_rows': self.order.num_rows, 'batch_size': self.batch_size,
             'shuffle': self.order.shuffle, 'pipeline': self.name,
             'order': (self.order.lane(0, self.lanes) if self.lanes > 1
                       else self.order).digest()}
    if self.lanes > 1:
      about['lanes'] = self.lanes
    if self.order.block_rows:  # Streams without blocks keep what they saved.
      about |= {'block_rows': self.order.block_rows,
                'window_blocks': self.order.window_blocks}
    return about


def stack(rows: Sequence[Mapping[str, Any]]) -> Batch:
  """Each column of the rows as one array; ragged columns as objects."""
  return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


class Batches:
  """Iterator over a pipeline that knows where it is.

  The position counts batches handed out, not those read ahead: a state saved
  after `next` continues with the following batch.
  """

  def __init__(self, pipeline: Pipeline, num_threads: int = 2,
               read_ahead: int = 4):
    self._pipeline = pipeline
    self._options = grain.ReadOptions(num_threads=num_threads,
                                      prefetch_buffer_size=read_ahead)
    self._seek(0)

  def __iter__(self) -> Iterator[Batch]:
    return self

  def __next__(self) -> Batch:
    batch = next(self._ahead)
    self.step += 1
    return batch

  def state(self) -> dict[str, Any]:
    """The position with the fingerprint of its stream, ready for JSON."""
    return {'step': self.step, 'fingerprint': self._pipeline.fingerprint()}

  def restore(self, state: Mapping[str, Any]) -> None:
    """Continues after the batches of `state`; refuses another stream's."""
    check_fingerprint(state['fingerprint'], self._pipeline.fingerprint())
    self._seek(int(state['step']))

  def _seek(self, step: int) -> None:
    self.step = step
    steps = grain.MapDataset.range(step, sys.maxsize)
    self._ahead = iter(
        steps.map(self._pipeline.batch).to_iter_dataset(self._options))


def check_fingerprint(saved: Mapping[str, Any],
                      here: Mapping[str, Any]) -> None:
  """Raises ValueError naming every difference, old → new."""
  names = [name for name in {**saved, **here}
           if saved.get(name) != here.get(name)]
  if names:
    changes = ', '.join(
        f'{n} {saved.get(n)} → {here.get(n)}' for n in names)
    raise ValueError(
        f'data pipeline fingerprint differs ({changes}); resume with what the '
        f'run began with, or begin a new one in another workdir')
