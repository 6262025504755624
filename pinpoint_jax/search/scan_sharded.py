"""Exact search on a jax mesh: each device searches its own rows.

  device 0   chunk, chunk, ... ─▶ running best ─┐
  device 1   chunk, chunk, ... ─▶ running best ─┼▶ host: merge, exact scores,
  ...                                           ┘  proof that the cut is safe

A few more rows than k are kept. Where the proof fails (rows nearly equal at
the cut) the query is scanned on the host instead.
"""

import functools

import jax
from jax import lax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int, Num
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.search import exact_scores, row_sets, scan
from pinpoint_jax.search import vectors as vectors_lib

# Queries always search this many at a time, the last block padded: one
# compilation.
_QUERIES = 256
_CHUNK = 8192
_SLACK = 32
# Places on a device are int32.
_MOST_ROWS = 2**31 - 1


class Sharded:
  """Rows that lie on the devices of a mesh of this process."""

  def __init__(self, vectors: vectors_lib.Vectors, mesh: Mesh | None = None,
               chunk: int = _CHUNK):
    self._mesh = mesh or meshes.make(devices=jax.local_devices())
    self._vectors, self._scan = vectors, scan.Scan(vectors)
    here = self._mesh.size
    self._chunk = max(1, min(chunk, -(-len(vectors) // here)))
    per_device = -(-len(vectors) // (here * self._chunk)) * self._chunk
    if per_device * here > _MOST_ROWS:
      raise ValueError(f'{len(vectors)} rows are more than {_MOST_ROWS}: '
                       f'spread them over more processes')
    self._stored = self._put(vectors.stored, per_device * here)
    scale = vectors.scale
    self._scale = None if scale is None else self._put(
        scale, per_device * here)
    self._norms = _all_norms(vectors)

  def _put(self, rows: np.ndarray, padded: int) -> jax.Array:
    def of_device(index: tuple[slice, ...]) -> np.ndarray:
      start, stop, _ = index[0].indices(padded)
      part = np.asarray(rows[start:stop])
      short = stop - start - len(part)
      return np.pad(part, [(0, short)] + [(0, 0)] * (rows.ndim - 1))
    return jax.make_array_from_callback(
        (padded, *rows.shape[1:]), meshes.split(self._mesh), of_device)

  def search(self, queries: Float[np.ndarray, 'b d'], k: int,
             excluded_rows: types.RowSets | None = None) -> types.Candidates:
    """The k best rows of each query, see exact.search."""
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    num_queries = len(queries) if len(self._vectors) else 0
    for part in blocks.slices(num_queries, _QUERIES):
      nearest = self._some(queries[part], k, part.start, excluded_rows)
      rows[part], scores[part] = nearest.rows, nearest.scores
    return types.Candidates(rows, scores)

  def _some(self, queries: np.ndarray, k: int, start: int,
            sets: types.RowSets | None) -> types.Candidates:
    stop = start + len(queries)
    norms = exact_scores.norms(queries)
    exact_scores.check_finite(norms, self._norms, start,
                              range(len(self._norms)))
    depth = min(k + max(_SLACK, k // 4), len(self._vectors))
    place, fast = self._fast(queries, depth,
                             row_sets.excluded_pairs(sets, start, stop))
    query, slot = np.nonzero(fast > -np.inf)
    row = place[query, slot].astype(np.int64)
    exact = exact_scores.scores(queries, self._vectors, query, row)
    nearest = exact_scores.best(query, row, exact, len(queries), k)
    # The worst kept bounds all that were not; with room left, none were.
    error = exact_scores.error_margin(queries.shape[1], norms,
                                      self._norms.max())
    unsafe = np.flatnonzero(fast[:, -1] + error >= nearest.scores[:, -1])
    unsafe = unsafe[(fast[unsafe, -1] > -np.inf)
                    & (depth < len(self._vectors))]
    if len(unsafe):
      again = self._scan.search(
          queries[unsafe], k,
          None if sets is None else row_sets.take(sets, unsafe + start))
      nearest.rows[unsafe], nearest.scores[unsafe] = again.rows, again.scores
    return nearest

  def _fast(self, queries: np.ndarray, depth: int,
            hidden: row_sets.Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Rows and float32 scores of the `depth` best over all devices."""
    padded = blocks.pad_rows(queries, _QUERIES)
    pair_rows, pair_queries, window = _windows(hidden, self._chunk)
    best = _best_of_devices(
        padded, self._stored, self._scale, pair_rows, pair_queries,
        np.int32(len(self._vectors)), mesh=self._mesh, k=depth,
        chunk=self._chunk, window=window)
    # [device · query, k] → [query, device · k].
    rows, scores = (np.asarray(x).reshape(self._mesh.size, _QUERIES, -1)
                    .transpose(1, 0, 2).reshape(_QUERIES, -1)[:len(queries)]
                    for x in best)
    order = np.argsort(-scores, axis=1, kind='stable')[:, :depth]
    return (np.take_along_axis(rows, order, 1),
            np.take_along_axis(scores, order, 1))


@functools.partial(jax.jit,
                   static_argnames=('mesh', 'k', 'chunk', 'window'))
def _best_of_devices(
    queries: Float[Array, 'b d'], stored: Num[Array, 'g d'],
    scale: Float[Array, 'g'] | None, pair_rows: Int[Array, 'p'],
    pair_queries: Int[Array, 'p'], num_rows: Int[Array, ''], *, mesh: Mesh,
    k: int, chunk: int, window: int) -> tuple[Array, Array]:
  """Rows and scores of the best of each device, [device · b, k] both."""
  split, whole = PartitionSpec(meshes.BATCH), PartitionSpec()
  on_device = functools.partial(_best_of_one, k=k, chunk=chunk, window=window)
  return jax.shard_map(
      on_device, mesh=mesh, in_specs=(whole, split, split, whole, whole, whole),
      out_specs=(split, split), check_vma=False)(
          queries, stored, scale, pair_rows, pair_queries, num_rows)


def _best_of_one(queries: Array, stored: Array, scale: Array | None,
                 pair_rows: Array, pair_queries: Array, num_rows: Array, *,
                 k: int, chunk: int, window: int) -> tuple[Array, Array]:
  first = lax.axis_index(meshes.BATCH) * len(stored)

  def add(best: tuple[Array, Array], start: Array):
    rows = lax.dynamic_slice_in_dim(stored, start, chunk).astype(jnp.float32)
    if scale is not None:
      rows *= lax.dynamic_slice_in_dim(scale, start, chunk)[:, None]
    scores = jnp.matmul(queries, rows.T, precision=lax.Precision.HIGHEST)
    number = first + start + jnp.arange(chunk)
    scores = jnp.where((number < num_rows)[None], scores, -jnp.inf)
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
  return lax.scan(add, none, jnp.arange(0, len(stored), chunk))[0]


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


def _all_norms(vectors: vectors_lib.Vectors) -> Float[np.ndarray, 'g']:
  return np.concatenate([np.zeros(0)] + [
      exact_scores.norms(vectors.block(start, start + _CHUNK))
      for start in range(0, len(vectors), _CHUNK)])
