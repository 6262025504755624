"""Long rows searched by a short projection, then scored again in full.

  query [d] -> query [p] -> index of rows [p] -> k·overfetch rows
                                                   -> full rows [d] -> k
"""

from collections.abc import Callable, Mapping
import pathlib
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.search import ann, ann_files, scan
from pinpoint_jax.search import vectors as vectors_lib

NUM_DIMS = 256
_ENGINE = 'projected'
_SAMPLE_ROWS = 20_000
_BLOCK = 16384
# Queries are projected this many at a time, the last block padded, so that a
# query's projection does not depend on its neighbours.
_QUERY_BLOCK = 16
# A longer list does not get more rows to be scored again beyond its own.
_EDGE = 64


def fit(vectors: vectors_lib.Vectors,
        num_dims: int = NUM_DIMS) -> Float[np.ndarray, 'd p']:
  """The directions that keep most of the dot products, strongest first.

  Not centred: it is dot products, not distances, that must survive.
  """
  step = max(1, len(vectors) // _SAMPLE_ROWS)
  sample = vectors.take(np.arange(0, len(vectors), step)[:_SAMPLE_ROWS])
  _, directions = np.linalg.eigh(sample.T @ sample)
  directions = directions[:, ::-1][:, :num_dims]
  # An eigenvector's sign is chance: make its largest number positive.
  largest = np.argmax(np.abs(directions), axis=0)
  signs = np.sign(directions[largest, np.arange(directions.shape[1])])
  return np.ascontiguousarray(directions * signs, np.float32)


def project(vectors: vectors_lib.Vectors,
            matrix: Float[np.ndarray, 'd p']) -> vectors_lib.Vectors:
  """All rows projected, block by block, float32 in memory."""
  rows = np.empty((len(vectors), matrix.shape[1]), np.float32)
  for start in range(0, len(rows), _BLOCK):
    block = vectors.block(start, min(start + _BLOCK, len(rows)))
    bad = np.flatnonzero(~vectors_lib.finite(block))
    if len(bad):
      raise ValueError(
          f'row {start + bad[0]} is not finite: write its features again')
    rows[start:start + len(block)] = block @ matrix
  return vectors_lib.Vectors(rows)


class ProjectedIndex:
  """An index of projected rows whose answers are scored by the full rows."""

  def __init__(self, inner: ann.Index, matrix: Float[np.ndarray, 'd p'],
               vectors: vectors_lib.Vectors, fingerprint: str,
               overfetch: int = 8) -> None:
    """`overfetch` projected rows are scored again for each wanted one, up to
    64; beyond, one."""
    if inner.dim != matrix.shape[1] or len(inner) != len(vectors):
      raise ValueError(
          f'an index of {len(inner)} rows of {inner.dim} numbers does not fit '
          f'{len(vectors)} rows projected to {matrix.shape[1]}')
    self.inner = inner
    self.overfetch = overfetch
    self._matrix = matrix
    self._vectors = vectors
    self._fingerprint = fingerprint

  @classmethod
  def load(cls, folder: pathlib.Path, vectors: vectors_lib.Vectors,
           fingerprint: str,
           load_inner: Callable[[pathlib.Path], ann.Index],
           overfetch: int = 8) -> 'ProjectedIndex':
    """Reads an index, refused if damaged or not of these vectors."""
    source = ann_files.IndexSource(len(vectors), vectors.dim, fingerprint)
    record = ann_files.read(folder, source)
    ann_files.check_engine(folder, record, _ENGINE)
    matrix = np.load(folder / 'projection.npy', allow_pickle=False)
    return cls(load_inner(folder / 'inner'), matrix, vectors, fingerprint,
               overfetch)

  def __len__(self) -> int:
    return len(self._vectors)

  @property
  def engine(self) -> str:
    """That of the index of projected rows."""
    return self.inner.engine

  @property
  def settings(self) -> ann.Settings:
    """Those of the index of projected rows."""
    return self.inner.settings

  @property
  def tuning(self) -> Mapping[str, Any] | None:
    """Why the index of projected rows is as it is."""
    return self.inner.tuning

  def with_effort(self, leaves_to_search: int,
                  reorder: int) -> 'ProjectedIndex':
    """The same index, searched that hard."""
    return self._around(self.inner.with_effort(leaves_to_search, reorder))

  def with_tuning(self, tuning: Mapping[str, Any] | None) -> 'ProjectedIndex':
    """The same index, with what its record says of why it is so."""
    return self._around(self.inner.with_tuning(tuning))

  def _around(self, inner: ann.Index) -> 'ProjectedIndex':
    return ProjectedIndex(inner, self._matrix, self._vectors,
                          self._fingerprint, self.overfetch)

  @property
  def dim(self) -> int:
    """Dimension."""
    return self._vectors.dim

  def search(self, queries: Float[np.ndarray, 'b d'],
             k: int) -> types.Candidates:
    """Up to k rows per query, best first, ties by row; -1 and -inf pad."""
    vectors_lib.check_queries(queries, self.dim)
    # A projection errs at the end of a list, which grows slower than the list.
    num_fetched = min(k + (self.overfetch - 1) * min(k, _EDGE),
                      max(len(self), k))
    near = self.inner.search(self._projected(queries), num_fetched).rows
    rescored = [self._rescored(query, rows, k)
                for query, rows in zip(queries, near)]
    rows = np.array([x for x, _ in rescored], np.int64).reshape(-1, k)
    scores = np.array([x for _, x in rescored], np.float32).reshape(-1, k)
    return types.Candidates(rows, scores)

  def save(self, folder: pathlib.Path) -> None:
    """Writes matrix and inner index, whole or not at all; not the vectors."""
    source = ann_files.IndexSource(len(self), self.dim, self._fingerprint)
    record = ann_files.Record(
        _ENGINE, '1', source, self.inner.settings)
    ann_files.write(folder, record, self._write_files)

  def _write_files(self, folder: pathlib.Path) -> None:
    np.save(folder / 'projection.npy', self._matrix)
    self.inner.save(folder / 'inner')

  def _projected(self, queries: np.ndarray) -> np.ndarray:
    projected = np.empty((len(queries), self._matrix.shape[1]), np.float32)
    # So small a product is over before a second thread is awake.
    with scan.one_thread():
      for part, (block,) in blocks.padded(_QUERY_BLOCK, queries):
        projected[part] = (block @ self._matrix)[:part.stop - part.start]
    return projected

  def _rescored(self, query: np.ndarray, rows: np.ndarray,
                k: int) -> tuple[np.ndarray, np.ndarray]:
    # Ascending: near on disk, and a stable sort leaves ties by row.
    rows = np.sort(rows[rows >= 0])
    # einsum sums every row alike: equal rows score equal, matmul's do not.
    scores = np.einsum('kd,d->k', self._vectors.take(rows), query)
    best = np.argsort(-scores, kind='stable')[:k]
    short = [(0, k - len(best))]
    return (np.pad(rows[best], short, constant_values=-1),
            np.pad(scores[best], short, constant_values=-np.inf))
