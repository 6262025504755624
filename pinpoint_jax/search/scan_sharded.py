"""Exact search on a jax mesh: each device searches its own rows.

  device 0   chunk, chunk, ... ─▶ running best ─┐
  device 1   chunk, chunk, ... ─▶ running best ─┼▶ host: merge, exact scores,
  ...                                           ┘  proof that the cut is safe

  devices   queries 0–255   queries 256–511   …
  host                      queries 0–255     queries 256–511

Devices hold each content once, by its lowest row, and keep their best by
(score, row): equal rows are no ties here, repeats.py gives the answer to all of
them. A few more than k are kept. Where the proof fails, because rows are nearly
equal at the cut, the devices keep many more; where it fails again the query is
scanned on the host, and counted.
"""

from collections.abc import Iterator
from concurrent import futures
import dataclasses
import functools

import jax
from jax import lax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, Int, Num
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.search import exact_scores, repeats, row_sets, scan
from pinpoint_jax.search import vectors as vectors_lib

# Queries search this many at a time, the last block padded; few are padded to
# few: two compilations.
_QUERIES, _FEW = 256, 16
# Rows whose scores a device holds at once: 512 MiB of them; on a TPU as many as
# stay in its fast memory.
_CHUNK, _CHUNK_TPU = 1 << 19, 1 << 13
# Scores of neighbours of which only the highest is sorted at first.
_GROUP, _TILE = 64, 1024
# Kept beyond k, and how many times as many where that does not decide.
_SLACK, _DEEPER = 32, 16
# Rows whose lengths are taken at once.
_BLOCK = 8192
# Places on a device are int32.
_MOST_ROWS = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class _Wanted:
  """What is searched for, the same for all queries.

  Attributes:
    k: rows of each query.
    contents: with the rows that may answer.
    is_open: contents that have such rows, on the devices; None is all.
    allowed: rows that may answer; None is all.
  """

  k: int
  contents: repeats.Repeats
  is_open: jax.Array | None
  allowed: np.ndarray | None


class Sharded:
  """Rows that lie on the devices of a mesh of this process.

  Attributes:
    num_scanned: queries so far that the host had to scan all rows for.
  """

  def __init__(self, vectors: vectors_lib.Vectors, mesh: Mesh | None = None,
               chunk: int | None = None):
    self._mesh = mesh or meshes.make(devices=jax.local_devices())
    self._vectors, self._scan = vectors, scan.Scan(vectors)
    self._contents = repeats.find(vectors)
    self.num_scanned = 0
    self._chunk, num_places = _layout(
        len(self._contents), self._mesh.size, chunk or _chunk(self._mesh))
    self._stored = self._put(vectors.stored, num_places)
    scale = vectors.scale
    self._scale = None if scale is None else self._put(scale, num_places)
    self._norms = _all_norms(vectors, self._contents.first)
    self._longest = self._norms.max(initial=0.)

  def _put(self, rows: np.ndarray, padded: int) -> jax.Array:
    def of_device(index: tuple[slice, ...]) -> np.ndarray:
      start, stop, _ = index[0].indices(padded)
      part = np.asarray(rows[self._contents.first[start:stop]])
      short = stop - start - len(part)
      return np.pad(part, [(0, short)] + [(0, 0)] * (rows.ndim - 1))
    return jax.make_array_from_callback(
        (padded, *rows.shape[1:]), meshes.split(self._mesh), of_device)

  def search(self, queries: Float[np.ndarray, 'b d'], k: int,
             excluded_rows: types.RowSets | None = None,
             allowed: Int[np.ndarray, 'n'] | None = None) -> types.Candidates:
    """The k best rows of each query, see exact.search."""
    wanted = self._wanted(k, allowed)
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    with futures.ThreadPoolExecutor(exact_scores.THREADS) as pool:
      for part, begun in self._all_begun(queries, wanted, excluded_rows):
        nearest = self._block(begun, wanted, pool)
        rows[part], scores[part] = nearest.rows, nearest.scores
    return types.Candidates(rows, scores)

  def _all_begun(self, queries: np.ndarray, wanted: _Wanted,
                 excluded_rows: types.RowSets | None) -> Iterator[
                     tuple[slice, '_Begun']]:
    """Each block once the devices have the next one, too."""
    before = None
    num_queries = len(queries) if len(self._vectors) else 0
    for part in blocks.slices(num_queries, _QUERIES):
      exact_scores.check_finite(
          exact_scores.norms(queries[part]), self._norms, part.start,
          self._contents.first, self._longest)
      sets = (None if excluded_rows is None
              else row_sets.take(excluded_rows, part))
      begun = self._begin(queries[part], sets, wanted, _depth(wanted.k))
      if before is not None:
        yield before
      before = part, begun
    if before is not None:
      yield before

  def _wanted(self, k: int, allowed: np.ndarray | None) -> _Wanted:
    if allowed is None:
      return _Wanted(k, self._contents, None, None)
    contents = self._contents.among(allowed)
    is_open = np.zeros(len(self._vectors), bool)
    is_open[contents.first[contents.sizes > 0]] = True
    return _Wanted(k, contents, self._put(is_open, len(self._stored)), allowed)

  def _block(self, begun: '_Begun', wanted: _Wanted,
             pool: futures.Executor) -> types.Candidates:
    """Some queries: on the devices, deeper there, else on the host."""
    nearest, unsafe = self._finish(begun, wanted, pool)
    if len(unsafe):
      deeper = self._begin(*begun.asked(unsafe), wanted, _DEEPER * begun.depth)
      again, still = self._finish(deeper, wanted, pool)
      nearest.rows[unsafe], nearest.scores[unsafe] = again.rows, again.scores
      unsafe = unsafe[still]
    if len(unsafe):
      self.num_scanned += len(unsafe)
      queries, sets = begun.asked(unsafe)
      again = self._scan.search(queries, wanted.k, sets, wanted.allowed)
      nearest.rows[unsafe], nearest.scores[unsafe] = again.rows, again.scores
    return nearest

  def _begin(self, queries: np.ndarray, sets: types.RowSets | None,
             wanted: _Wanted, depth: int) -> '_Begun':
    """Hands queries to the devices and does not wait for them."""
    depth = min(depth, len(self._contents))
    pairs = row_sets.excluded_pairs(sets, 0, len(queries))
    pair_rows, pair_queries, window = _windows(
        wanted.contents.hidden(pairs), self._chunk)
    best = _best_of_devices(
        blocks.pad_rows(queries, _FEW if len(queries) <= _FEW else _QUERIES),
        self._stored, self._scale, pair_rows, pair_queries,
        np.int32(len(self._contents)), wanted.is_open, mesh=self._mesh, k=depth,
        chunk=self._chunk, window=window)
    return _Begun(queries, sets, pairs, depth, best)

  def _finish(self, begun: '_Begun', wanted: _Wanted, pool: futures.Executor,
              ) -> tuple[types.Candidates, Int[np.ndarray, 'u']]:
    """The best of what the devices kept; queries that need more."""
    queries, contents = begun.queries, wanted.contents
    error = exact_scores.error_margin(
        queries.shape[1], exact_scores.norms(queries), self._longest)
    place, fast = begun.kept(self._mesh.size)
    # k of them are no lower than the k-th less its error: what is surely below
    # needs no exact score.
    floor = fast[:, min(wanted.k, fast.shape[1]) - 1] - 2 * error
    query, slot = np.nonzero((fast > -np.inf) & (fast >= floor[:, None]))
    content = place[query, slot].astype(np.int64)
    exact = exact_scores.scores(queries, self._vectors, query,
                                contents.first[content], pool)
    nearest = contents.best(query, content, exact, len(queries), wanted.k,
                            begun.pairs)
    # The worst kept bounds all that were not; with room left, none were.
    unsafe = fast[:, -1] + error >= nearest.scores[:, -1]
    unsafe &= (fast[:, -1] > -np.inf) & (begun.depth < len(self._contents))
    return nearest, np.flatnonzero(unsafe)


@dataclasses.dataclass(frozen=True)
class _Begun:
  """Queries that the devices are searching for.

  Attributes:
    queries: some, float32 [b, d].
    sets: rows that may not answer them.
    pairs: the same, as pairs.
    depth: contents that the devices keep for each.
    best: what each device keeps, see _best_of_devices.
  """

  queries: np.ndarray
  sets: types.RowSets | None
  pairs: row_sets.Pairs
  depth: int
  best: jax.Array

  def asked(self, some: Int[np.ndarray, 'u']) -> tuple[
      np.ndarray, types.RowSets | None]:
    """Some of the queries and the rows that may not answer them."""
    sets = None if self.sets is None else row_sets.take(self.sets, some)
    return self.queries[some], sets

  def kept(self, num_devices: int) -> tuple[np.ndarray, np.ndarray]:
    """Contents and float32 scores of the `depth` best over all devices."""
    best = np.asarray(self.best)
    # [device · query, k] → [query, device · k].
    rows, scores = (
        x.reshape(num_devices, -1, x.shape[-1])[:, :len(self.queries)]
        .transpose(1, 0, 2).reshape(len(self.queries), -1)
        for x in (best[0], best[1].view(np.float32)))
    order = np.argsort(-scores, axis=1, kind='stable')[:, :self.depth]
    return (np.take_along_axis(rows, order, 1),
            np.take_along_axis(scores, order, 1))


def trace(num_rows: int, dim: int, k: int, mesh: Mesh) -> jax.stages.Traced:
  """The search of a block of queries in so many float16 rows, on shapes alone.

  No array is made, and the devices of the mesh need not be here.
  """
  chunk, num_places = _layout(num_rows, mesh.size, _chunk(mesh))
  pair_rows, pair_queries, window = _windows(
      row_sets.Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64)), chunk)
  rows = jax.ShapeDtypeStruct((num_places, dim), jnp.float16,
                              sharding=meshes.split(mesh))
  every = lambda shape, dtype: jax.ShapeDtypeStruct(
      shape, dtype, sharding=meshes.whole(mesh))
  return _best_of_devices.trace(
      every((_QUERIES, dim), jnp.float32), rows, None,
      every(pair_rows.shape, jnp.int32), every(pair_queries.shape, jnp.int32),
      every((), jnp.int32), mesh=mesh, k=_depth(k), chunk=chunk, window=window)


def _chunk(mesh: Mesh) -> int:
  """Rows at a time on devices of that kind."""
  return _CHUNK_TPU if mesh.devices.flat[0].platform == 'tpu' else _CHUNK


def _depth(k: int) -> int:
  """How many devices keep for the k best."""
  return k + max(_SLACK, k // 4)


def _layout(num_rows: int, num_devices: int, chunk: int) -> tuple[int, int]:
  """Rows of a chunk, and places for rows on all devices together.

  A device's chunks are of one size, as even as can be.
  """
  of_device = max(1, -(-num_rows // num_devices))
  num_chunks = -(-of_device // chunk)
  chunk = -(-of_device // num_chunks)
  # Whole groups, see best_of_groups, and whole tiles of a TPU.
  for unit in (_GROUP, _TILE):
    if chunk > unit:
      chunk = -(-chunk // unit) * unit
  num_places = num_devices * num_chunks * chunk
  if num_places > _MOST_ROWS:
    raise ValueError(f'{num_rows} rows are more than {_MOST_ROWS}: spread them '
                     f'over more processes')
  return chunk, num_places


@functools.partial(jax.jit,
                   static_argnames=('mesh', 'k', 'chunk', 'window'))
def _best_of_devices(
    queries: Float[Array, 'b d'], stored: Num[Array, 'g d'],
    scale: Float[Array, 'g'] | None, pair_rows: Int[Array, 'p'],
    pair_queries: Int[Array, 'p'], num_rows: Int[Array, ''],
    is_open: Bool[Array, 'g'] | None = None, *, mesh: Mesh, k: int, chunk: int,
    window: int) -> Int[Array, '2 m k']:
  """Rows and the bits of scores, each device's best, [2, device · b, k].

  One array: what a host waits for is the number of transfers, not their size.
  """
  split, whole = PartitionSpec(meshes.BATCH), PartitionSpec()
  on_device = functools.partial(_best_of_one, k=k, chunk=chunk, window=window)
  return jax.shard_map(
      on_device, mesh=mesh,
      in_specs=(whole, split, split, whole, whole, whole, split),
      out_specs=PartitionSpec(None, meshes.BATCH), check_vma=False)(
          queries, stored, scale, pair_rows, pair_queries, num_rows, is_open)


def _best_of_one(queries: Array, stored: Array, scale: Array | None,
                 pair_rows: Array, pair_queries: Array, num_rows: Array,
                 is_open: Array | None, *, k: int, chunk: int,
                 window: int) -> Array:
  first = lax.axis_index(meshes.BATCH) * len(stored)

  def add(best: tuple[Array, Array], start: Array):
    rows = lax.dynamic_slice_in_dim(stored, start, chunk).astype(jnp.float32)
    if scale is not None:
      rows *= lax.dynamic_slice_in_dim(scale, start, chunk)[:, None]
    scores = jnp.matmul(queries, rows.T, precision=lax.Precision.HIGHEST)
    number = first + start + jnp.arange(chunk)
    here = number < num_rows
    if is_open is not None:
      here &= lax.dynamic_slice_in_dim(is_open, start, chunk)
    scores = jnp.where(here[None], scores, -jnp.inf)
    at = jnp.searchsorted(pair_rows, first + start)
    place = lax.dynamic_slice_in_dim(pair_rows, at, window) - first - start
    which = lax.dynamic_slice_in_dim(pair_queries, at, window)
    scores = scores.at[which, place].set(-jnp.inf, mode='drop')
    kept = best[1].shape[1]
    if _in_groups(chunk, kept):
      scores, place = best_of_groups(scores, kept)
      number = number[place]
    number = jnp.broadcast_to(number, scores.shape)
    scores, order = lax.top_k(
        jnp.concatenate([best[1], scores], axis=1), kept)
    number = jnp.concatenate([best[0], number], axis=1)
    return (jnp.take_along_axis(number, order, axis=1), scores), None

  shape = len(queries), min(k, len(stored))
  none = jnp.full(shape, -1, jnp.int32), jnp.full(shape, -jnp.inf)
  rows, scores = lax.scan(add, none, jnp.arange(0, len(stored), chunk))[0]
  return jnp.stack([rows, lax.bitcast_convert_type(scores, jnp.int32)])


def _in_groups(num_scores: int, k: int, group: int = _GROUP) -> bool:
  """Whether little is left to sort of whole groups."""
  return num_scores % group == 0 and num_scores >= 4 * k * group


def best_of_groups(scores: Float[Array, 'b n'], k: int, group: int = _GROUP,
                   ) -> tuple[Float[Array, 'b k'], Int[Array, 'b k']]:
  """lax.top_k of long rows, of which it sorts a small part.

  The k best are in the k groups of the highest maxima.
  """
  groups = scores.reshape(len(scores), -1, group)
  # In the order of the rows, so that equal scores keep it.
  best = jnp.sort(lax.top_k(groups.max(axis=2), k)[1], axis=1)
  inside = jnp.take_along_axis(groups, best[..., None], axis=1)
  highest, at = lax.top_k(inside.reshape(len(scores), k * group), k)
  place = jnp.take_along_axis(best, at // group, axis=1)
  return highest, place * group + at % group


def _windows(hidden: row_sets.Pairs,
             chunk: int) -> tuple[np.ndarray, np.ndarray, int]:
  """Pairs padded to few lengths, and what no chunk has more pairs than."""
  most = int(np.bincount(hidden.rows // chunk).max(initial=1))
  window = 1 << (most - 1).bit_length()
  # A slice that would pass the end is moved back: leave it room.
  length = (1 << (len(hidden.rows) - 1).bit_length()) + window
  short = length - len(hidden.rows)
  return (np.pad(hidden.rows, (0, short),
                 constant_values=_MOST_ROWS).astype(np.int32),
          np.pad(hidden.queries, (0, short)).astype(np.int32), window)


def _all_norms(vectors: vectors_lib.Vectors,
               rows: Int[np.ndarray, 'u']) -> Float[np.ndarray, 'u']:
  return np.concatenate([np.zeros(0)] + [
      exact_scores.norms(vectors.take(rows[part]))
      for part in blocks.slices(len(rows), _BLOCK)])
