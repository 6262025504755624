"""Exact search on a CPU: blocks of rows against all queries at once.

  rows of a block ─▶ float32 ─▶ products with the queries ─▶ candidate_pool.py

Each thread takes the next block and does all of that alone. A block of scores
stays in the cache while it is compared with the cuts. Few queries meet rows as
they are stored (stored_products.py).

Products run on one thread each, so that threads of our own run side by side:
two of ours never wait for one another; two threads inside one product wait at
its end, and spin while they do.
"""

from collections.abc import Iterator, Sequence
from concurrent import futures
import contextlib
import dataclasses
import functools
import threading

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.search import (
  candidate_pool,
  exact_scores,
  row_sets,
  short_products,
  stored_products,
)
from pinpoint_jax.search import vectors as vectors_lib
import threadpoolctl

_lock = threading.Lock()


@dataclasses.dataclass
class _Blas:
  """The BLAS libraries of this process, and who holds them at one thread."""

  libraries: Sequence[threadpoolctl.LibController]
  holders: int = 0
  num_threads: Sequence[int] = ()


@contextlib.contextmanager
def one_thread() -> Iterator[bool]:
  """Products in here take one thread; False where BLAS has no such switch.

  The number of threads belongs to the process: the first to enter lowers it
  and the last to leave restores it. threadpoolctl's own context would restore
  it for the one who leaves, while another is still inside.
  """
  blas = _blas()
  with _lock:
    if not blas.holders:
      blas.num_threads = [x.get_num_threads() for x in blas.libraries]
      _set_num_threads(blas, [1] * len(blas.libraries))
    blas.holders += 1
  try:
    yield bool(blas.libraries)
  finally:
    with _lock:
      blas.holders -= 1
      if not blas.holders:
        _set_num_threads(blas, blas.num_threads)


def _set_num_threads(blas: _Blas, num_threads: Sequence[int]) -> None:
  for library, num in zip(blas.libraries, num_threads):
    library.set_num_threads(num)


@functools.cache
def _blas() -> _Blas:
  """Looked up once: that reads the names of all libraries of the process."""
  loaded = threadpoolctl.ThreadpoolController()
  return _Blas(loaded.select(user_api='blas').lib_controllers)


# Queries that go through the gallery together: memory does not grow beyond.
_QUERIES = 1024
# Rows whose longest is remembered; blocks are whole numbers of it.
_ROWS = 1024
_MOST_ROWS = 16 * _ROWS
_FEW_PRODUCTS = 1 << 24
_SCORES = 1 << 20


@dataclasses.dataclass(frozen=True)
class _Batch:
  """Some queries, the rows hidden from them and their candidates so far."""

  queries: np.ndarray
  norms: np.ndarray
  first: int
  hidden_pairs: row_sets.Pairs
  allowed: np.ndarray | None
  kept: candidate_pool.CandidatePool
  lock: threading.Lock
  # The same queries for faster products, of many or few; None otherwise.
  short: short_products.ShortQueries | None
  few: stored_products.FewQueries | None

  def scores(self, block: np.ndarray, longest: float,
             buffer: np.ndarray) -> np.ndarray:
    """Fast scores of a block's rows, none longer than that."""
    if (self.short is not None and len(block) == _ROWS
        and longest < short_products.LARGEST):
      return self.short.scores(block)
    # X·Qᵀ: the other way round blocked products run at half the speed.
    return np.matmul(block, self.queries.T, out=buffer[:len(block)])


class Scan:
  """Rows to be searched again and again; what is learnt of them is kept."""

  def __init__(self, vectors: vectors_lib.Vectors):
    self._vectors = vectors
    # Longest row of each _ROWS rows; NaN until they are read.
    self._longest = np.full(-(-len(vectors) // _ROWS), np.nan)

  def search(self, queries: Float[np.ndarray, 'b d'], k: int,
             excluded_rows: types.RowSets | None = None,
             allowed: Int[np.ndarray, 'n'] | None = None) -> types.Candidates:
    """The k best rows of each query, see exact.search."""
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    num_rows = len(self._vectors) if allowed is None else len(allowed)
    with (one_thread() as alone,
          _workers(num_rows * self._vectors.dim * len(queries)) as pool):
      for part in blocks.slices(len(queries), _QUERIES):
        hidden_pairs = row_sets.excluded_pairs(excluded_rows, part.start,
                                               part.stop)
        batch = self._batch(queries[part], k, part.start, hidden_pairs,
                            allowed)
        self._look(batch, k, pool, exact_scores.THREADS if alone else 1)
        nearest = batch.kept.finish(pool)
        rows[part], scores[part] = nearest.rows, nearest.scores
    return types.Candidates(rows, scores)

  def _batch(self, queries: np.ndarray, k: int, first: int,
             hidden_pairs: row_sets.Pairs,
             allowed: np.ndarray | None) -> _Batch:
    norms = exact_scores.norms(queries)
    if allowed is not None:
      hidden_pairs = row_sets.pairs_among(hidden_pairs, allowed)
    # Whole batches alone: each shape is compiled.
    short = (short_products.ShortQueries(queries)
             if len(queries) == _QUERIES and short_products.available()
             and norms.max() < short_products.LARGEST else None)
    pool = candidate_pool.CandidatePool(
        queries, norms, self._vectors, k,
        0. if short is None else short.error)
    few = (None if allowed is not None else
           stored_products.few_queries(queries, self._vectors))
    return _Batch(queries, norms, first, hidden_pairs, allowed, pool,
                  threading.Lock(), short, few)

  def _look(self, batch: _Batch, k: int, pool: futures.Executor | None,
            num_threads: int) -> None:
    """Takes every block, the first alone: it raises the cuts."""
    total = (len(self._vectors) if batch.allowed is None
             else len(batch.allowed))
    step = stored_products.ROWS if batch.few else _block_rows(
        len(batch.queries), self._vectors.stored.dtype)
    parts = blocks.slices(total, step)
    first = next(parts, None)
    if first is None:
      return
    self._blocks(batch, iter([first]), k if first.stop >= k else 0)
    # Threads draw from one list, so that none waits for a slow one.
    drawn = iter(list(parts))
    if pool is None:
      self._blocks(batch, drawn)
    else:
      list(pool.map(lambda _: self._blocks(batch, drawn), range(num_threads)))

  def _blocks(self, batch: _Batch, parts: Iterator[slice],
              raise_to: int = 0) -> None:
    """Adds candidates of blocks; first raises the cuts to that best score."""
    buffer = np.empty(0, np.float32)
    for part in parts:
      shape = part.stop - part.start, len(batch.queries)
      longest = self._known(part, batch)
      if longest is not None and batch.few and batch.few.fit(part):
        scores = batch.few.scores(part)
      else:
        if not buffer.size:
          buffer = np.empty(shape, np.float32)
        block = self._read(part, batch.allowed)
        if longest is None:
          longest = self._check(block, part, batch)
        scores = batch.scores(block, longest, buffer)
      here = batch.hidden_pairs.between(part.start, part.stop)
      if len(here.rows):
        scores = np.require(scores, requirements='W')
        scores[here.rows, here.queries] = -np.inf
      if raise_to:
        batch.kept.reach(_kth(scores, raise_to) - batch.kept.margin(longest))
      with batch.lock:
        cut = batch.kept.cut(longest)
      place, query = np.divmod(np.flatnonzero(scores >= cut), shape[1])
      row = (place + part.start if batch.allowed is None
             else batch.allowed[part][place])
      with batch.lock:
        batch.kept.add(query, row, scores[place, query])

  def _read(self, part: slice, allowed: np.ndarray | None) -> np.ndarray:
    """Rows of a block as float32."""
    if allowed is None:
      return _read(self._vectors, part.start, part.stop)
    return self._vectors.take(allowed[part])

  def _known(self, part: slice, batch: _Batch) -> float | None:
    """Length of a block's longest row if that alone says all are fine."""
    if batch.allowed is not None:
      return None
    known = float(self._longest[_chunks(part)].max())
    fine = batch.norms.max() * known < exact_scores.LARGEST
    return known if fine else None

  def _check(self, block: np.ndarray, part: slice, batch: _Batch) -> float:
    """Length of the longest row; refuses what is no finite number."""
    row_norms = exact_scores.norms(block)
    numbers = (range(part.start, part.stop) if batch.allowed is None
               else batch.allowed[part])
    exact_scores.check_finite(batch.norms, row_norms, batch.first, numbers)
    if batch.allowed is None:
      self._longest[_chunks(part)] = np.maximum.reduceat(
          row_norms, np.arange(0, len(block), _ROWS))
    return float(row_norms.max())


def _chunks(part: slice) -> slice:
  """Places in `_longest` of a block."""
  return slice(part.start // _ROWS, -(-part.stop // _ROWS))


def _workers(products: int) -> contextlib.AbstractContextManager[
    futures.Executor | None]:
  """Threads for that many products of numbers; None where few are not worth
  the starting of a thread."""
  if products < _FEW_PRODUCTS:
    return contextlib.nullcontext()
  return futures.ThreadPoolExecutor(exact_scores.THREADS)


def _block_rows(num_queries: int, dtype: np.dtype) -> int:
  """As many as keep a block of scores in the cache, whole _ROWS of them."""
  if dtype != np.float32:
    return _ROWS  # What is widened stays in the cache too.
  fit = _SCORES // num_queries // _ROWS * _ROWS
  return min(max(fit, _ROWS), _MOST_ROWS)


def _kth(scores: Float[np.ndarray, 'n b'], k: int) -> np.ndarray:
  """The k-th best score of each query."""
  place = len(scores) - k
  return np.partition(np.ascontiguousarray(scores.T), place, axis=1)[:, place]


def _read(vectors: vectors_lib.Vectors, start: int, stop: int) -> np.ndarray:
  stored = vectors.stored
  # XLA widens float16 about five times as fast as numpy; whole blocks only,
  # since each shape is compiled.
  if stored.dtype == np.float16 and not (stop - start) % _ROWS:
    rows = np.asarray(_widen(stored[start:stop]))
    scale = vectors.scale
    return rows if scale is None else rows * scale[start:stop, None]
  return vectors.block(start, stop)


@jax.jit
def _widen(rows: jax.Array) -> jax.Array:
  return rows.astype(jnp.float32)
