"""Exact search on a jax mesh: each device searches its own rows.

  device 0   chunk, chunk, ... ─▶ running best ─┐
  device 1   chunk, chunk, ... ─▶ running best ─┼▶ host: merge, exact scores,
  ...                                           ┘  proof that the cut is safe

Devices hold each content once, by its lowest row, and keep their best by
(score, row): equal rows are no ties here, repeats.py gives the answer to all of
them. A few more than k are kept. Where the proof fails, because rows are nearly
equal at the cut, the devices keep many more; where it fails again the query is
scanned on the host, and counted.
"""

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

# Queries always search this many at a time, the last block padded: one
# compilation.
_QUERIES = 256
_CHUNK = 8192
# Kept beyond k, and how many times as many where that does not decide.
_SLACK, _DEEPER = 32, 16
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
               chunk: int = _CHUNK):
    self._mesh = mesh or meshes.make(devices=jax.local_devices())
    self._vectors, self._scan = vectors, scan.Scan(vectors)
    self._contents = repeats.find(vectors)
    self.num_scanned = 0
    self._chunk, num_places = _layout(
        len(self._contents), self._mesh.size, chunk)
    self._stored = self._put(vectors.stored, num_places)
    scale = vectors.scale
    self._scale = None if scale is None else self._put(scale, num_places)
    self._norms = _all_norms(vectors, self._contents.first)

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
    num_queries = len(queries) if len(self._vectors) else 0
    for part in blocks.slices(num_queries, _QUERIES):
      exact_scores.check_finite(exact_scores.norms(queries[part]), self._norms,
                                part.start, self._contents.first)
      sets = (None if excluded_rows is None
              else row_sets.take(excluded_rows, part))
      nearest = self._block(queries[part], wanted, sets)
      rows[part], scores[part] = nearest.rows, nearest.scores
    return types.Candidates(rows, scores)

  def _wanted(self, k: int, allowed: np.ndarray | None) -> _Wanted:
    if allowed is None:
      return _Wanted(k, self._contents, None, None)
    contents = self._contents.among(allowed)
    is_open = np.zeros(len(self._vectors), bool)
    is_open[contents.first[contents.sizes > 0]] = True
    return _Wanted(k, contents, self._put(is_open, len(self._stored)), allowed)

  def _block(self, queries: np.ndarray, wanted: _Wanted,
             sets: types.RowSets | None) -> types.Candidates:
    """Some queries: on the devices, deeper there, else on the host."""
    depth = _depth(wanted.k)
    nearest, unsafe = self._on_devices(queries, wanted, depth, sets)
    for search in (functools.partial(self._on_devices, depth=_DEEPER * depth),
                   self._on_host):
      if len(unsafe):
        some = None if sets is None else row_sets.take(sets, unsafe)
        again, still = search(queries[unsafe], wanted, sets=some)
        nearest.rows[unsafe] = again.rows
        nearest.scores[unsafe] = again.scores
        unsafe = unsafe[still]
    return nearest

  def _on_host(self, queries: np.ndarray, wanted: _Wanted,
               sets: types.RowSets | None,
               ) -> tuple[types.Candidates, Int[np.ndarray, 'u']]:
    self.num_scanned += len(queries)
    return (self._scan.search(queries, wanted.k, sets, wanted.allowed),
            np.zeros(0, np.int64))

  def _on_devices(self, queries: np.ndarray, wanted: _Wanted, depth: int,
                  sets: types.RowSets | None,
                  ) -> tuple[types.Candidates, Int[np.ndarray, 'u']]:
    """The best of the `depth` that devices keep; queries that need more."""
    depth = min(depth, len(self._contents))
    pairs = row_sets.excluded_pairs(sets, 0, len(queries))
    contents = wanted.contents
    place, fast = self._fast(queries, depth, contents.hidden(pairs),
                             wanted.is_open)
    query, slot = np.nonzero(fast > -np.inf)
    content = place[query, slot].astype(np.int64)
    exact = exact_scores.scores(queries, self._vectors, query,
                                contents.first[content])
    nearest = contents.best(query, content, exact, len(queries), wanted.k,
                            pairs)
    # The worst kept bounds all that were not; with room left, none were.
    error = exact_scores.error_margin(
        queries.shape[1], exact_scores.norms(queries), self._norms.max())
    unsafe = fast[:, -1] + error >= nearest.scores[:, -1]
    unsafe &= (fast[:, -1] > -np.inf) & (depth < len(self._contents))
    return nearest, np.flatnonzero(unsafe)

  def _fast(self, queries: np.ndarray, depth: int, hidden: row_sets.Pairs,
            is_open: jax.Array | None) -> tuple[np.ndarray, np.ndarray]:
    """Contents and float32 scores of the `depth` best over all devices."""
    padded = blocks.pad_rows(queries, _QUERIES)
    pair_rows, pair_queries, window = _windows(hidden, self._chunk)
    best = np.asarray(_best_of_devices(
        padded, self._stored, self._scale, pair_rows, pair_queries,
        np.int32(len(self._contents)), is_open, mesh=self._mesh, k=depth,
        chunk=self._chunk, window=window))
    # [device · query, k] → [query, device · k].
    rows, scores = (x.reshape(self._mesh.size, _QUERIES, -1)
                    .transpose(1, 0, 2).reshape(_QUERIES, -1)[:len(queries)]
                    for x in (best[0], best[1].view(np.float32)))
    order = np.argsort(-scores, axis=1, kind='stable')[:, :depth]
    return (np.take_along_axis(rows, order, 1),
            np.take_along_axis(scores, order, 1))


def trace(num_rows: int, dim: int, k: int, mesh: Mesh) -> jax.stages.Traced:
  """The search of a block of queries in so many float16 rows, on shapes alone.

  No array is made, and the devices of the mesh need not be here.
  """
  chunk, num_places = _layout(num_rows, mesh.size, _CHUNK)
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


def _depth(k: int) -> int:
  """How many devices keep for the k best."""
  return k + max(_SLACK, k // 4)


def _layout(num_rows: int, num_devices: int, chunk: int) -> tuple[int, int]:
  """Rows of a chunk, and places for rows on all devices together."""
  chunk = max(1, min(chunk, -(-num_rows // num_devices)))
  num_places = num_devices * chunk * -(-num_rows // (num_devices * chunk))
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
    number = jnp.broadcast_to(number, scores.shape)
    scores, order = lax.top_k(
        jnp.concatenate([best[1], scores], axis=1), best[1].shape[1])
    number = jnp.concatenate([best[0], number], axis=1)
    return (jnp.take_along_axis(number, order, axis=1), scores), None

  shape = len(queries), min(k, len(stored))
  none = jnp.full(shape, -1, jnp.int32), jnp.full(shape, -jnp.inf)
  rows, scores = lax.scan(add, none, jnp.arange(0, len(stored), chunk))[0]
  return jnp.stack([rows, lax.bitcast_convert_type(scores, jnp.int32)])


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
      for part in blocks.slices(len(rows), _CHUNK)])
