"""Image bytes to pixels in worker processes, in order, in bounded memory."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from typing import Any

import numpy as np
from pinpoint_jax.images import decode, preprocess

_CHUNK = 16
_CHUNKS_PER_PROCESS = 4
# They decode some 9,000 photos a second; each has the table of photos.
_MOST_PROCESSES = 32


@dataclasses.dataclass(frozen=True)
class Bad:
  """A photo that gives no pixels: one word for counting, and the details."""

  reason: str
  text: str


class ProcessDied(OSError):
  """A decode process ended without an answer."""


Decoded = tuple[int, 'np.ndarray | Bad']
# Names of ops as preprocess reads them, or a function of a Pillow picture.
Ops = str | preprocess.Op


def by_cores() -> int:
  """Decode processes that the cores of this process can keep busy."""
  return min(_MOST_PROCESSES, len(os.sched_getaffinity(0)))


def decode_rows(source: Any, rows: Iterable[int], ops: Ops,
                processes: int) -> Iterator[Decoded]:
  """(row, pixels or Bad) of each row, in order; 0 processes decodes here.

  `source` has `read(row) -> bytes`; it is pickled once for each process, and so
  is a function in place of the names of ops.
  """
  prepare = _prepared(ops)  # Refused here, before a process is started.
  if not processes:
    return ((row, _decode(source, row, prepare)) for row in rows)
  return _in_processes(source, rows, ops, processes)


def _prepared(ops: Ops) -> preprocess.Op:
  return preprocess.parse(ops) if isinstance(ops, str) else ops


def _in_processes(source: Any, rows: Iterable[int], ops: Ops,
                  processes: int) -> Iterator[Decoded]:
  # spawn: the parent may hold jax threads, which do not survive a fork.
  pool = concurrent.futures.ProcessPoolExecutor(
      processes, multiprocessing.get_context('spawn'), _begin, (source, ops))
  waiting: deque[tuple[list[int], concurrent.futures.Future]] = deque()
  chunks = _chunks(rows)
  with contextlib.ExitStack() as stack:
    stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    while True:
      while len(waiting) < _CHUNKS_PER_PROCESS * processes:
        chunk = next(chunks, None)
        if chunk is None:
          break
        waiting.append((chunk, pool.submit(_decode_chunk, chunk)))
      if not waiting:
        return
      chunk, future = waiting.popleft()
      try:
        images = future.result()
      except concurrent.futures.process.BrokenProcessPool as error:
        raise ProcessDied(
            f'a decode process died at rows {chunk[0]} to {chunk[-1]} or soon '
            f'after, perhaps for want of memory; finished shards are kept: run '
            f'again with fewer processes') from error
      yield from zip(chunk, images)


def _chunks(rows: Iterable[int]) -> Iterator[list[int]]:
  chunk: list[int] = []
  for row in rows:
    chunk.append(row)
    if len(chunk) == _CHUNK:
      yield chunk
      chunk = []
  if chunk:
    yield chunk


def _begin(source: Any, ops: Ops) -> None:
  """Prepares a worker process."""
  global _source, _prepare
  _source, _prepare = source, _prepared(ops)
  # Ctrl-C reaches every process of a terminal; the parent decides.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
  # A killed parent cannot shut its pool down; its workers would wait forever.
  multiprocessing.parent_process().join()
  os._exit(1)


def _decode_chunk(rows: Sequence[int]) -> list[Any]:
  return [_decode(_source, row, _prepare) for row in rows]


def _decode(source: Any, row: int, prepare: preprocess.Op) -> Any:
  try:
    return prepare(decode.picture(source.read(row)))
  except decode.BadImage as error:
    return Bad(error.reason, str(error))
  except MemoryError as error:
    return Bad('memory', f'more than this process can have: {error}')
