"""Approximate search by faiss fast-scan, for those who install it.

The same cells, four-bit codes and rescoring as ScaNN's, behind the same
interface; see docs/search.md for when it is worth it. The only file that
imports faiss.
"""

import errno
import os
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import ann, ann_files, merge
from pinpoint_jax.search import vectors as vector_checks
from pinpoint_jax.search import vectors as vectors_lib

try:
  import faiss
except ImportError as error:
  raise ImportError(
      'the faiss index needs faiss: install pinpoint_jax[faiss]') from error

ENGINE = 'faiss'
_FILE = 'faiss.index'
_REFINE = {'float32': 'RFlat', 'bfloat16': 'Refine(SQbf16)'}
# faiss multiplies 20 queries or more by BLAS, whose sums depend on how many
# there are. Off except for training: an answer must not depend on the batch.
_NEVER_BLAS, _BLAS = 1 << 30, 20
faiss.cvar.distance_compute_blas_threshold = _NEVER_BLAS


class FaissIndex:
  """An index of unit vectors by dot product."""

  def __init__(self, native: 'faiss.Index', source: ann_files.IndexSource,
               settings: ann.Settings) -> None:
    """Wraps what faiss built."""
    self._native = native
    self._source = source
    self.settings = settings
    faiss.omp_set_num_threads(len(os.sched_getaffinity(0)))

  @classmethod
  def build(cls, vectors: vectors_lib.Vectors,
            settings: ann.Settings,
            fingerprint: str) -> 'FaissIndex':
    """Builds an index in memory; `fingerprint` names these vectors."""
    source = ann_files.IndexSource(len(vectors), vectors.dim, fingerprint)
    rows = vector_checks.checked_float32(vectors)
    native = faiss.index_factory(
        vectors.dim, _factory(len(rows), vectors.dim, settings),
        faiss.METRIC_INNER_PRODUCT)
    if not native.is_trained:
      step = -(-len(rows) // settings.training_rows)
      faiss.cvar.distance_compute_blas_threshold = _BLAS
      try:
        native.train(np.ascontiguousarray(rows[::step]))
      finally:
        faiss.cvar.distance_compute_blas_threshold = _NEVER_BLAS
    native.add(rows)
    return cls(native, source, settings)

  @classmethod
  def load(cls, folder: pathlib.Path,
           source: ann_files.IndexSource | None = None) -> 'FaissIndex':
    """Reads an index, refused if damaged or of other vectors than `source`."""
    record = ann_files.read(folder, source)
    ann_files.check_engine(folder, record, ENGINE)
    native = faiss.read_index(str(folder / _FILE))
    return cls(native, record.source, record.settings)

  def __len__(self) -> int:
    return self._source.num_rows

  @property
  def dim(self) -> int:
    """Dimension."""
    return self._source.dim

  def with_effort(self, leaves_to_search: int, reorder: int) -> 'FaissIndex':
    """The same index, searched that hard."""
    return FaissIndex(self._native, self._source,
                      self.settings.with_effort(leaves_to_search, reorder))

  def search(self, queries: Float[np.ndarray, 'b d'],
             k: int) -> types.Candidates:
    """Up to k rows per query, best first, ties by row; -1 and -inf pad."""
    vector_checks.check_queries(queries, self.dim)
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    num_found = min(k, len(self))
    if not len(queries) or not num_found:
      return types.Candidates(rows, scores)
    score, nearest = self._native.search(
        np.ascontiguousarray(queries, np.float32), num_found,
        params=self._parameters(num_found))
    rows[:, :num_found] = nearest
    scores[:, :num_found] = np.where(nearest < 0, -np.inf, score)
    return merge.order_by_row(rows, scores)

  def save(self, folder: pathlib.Path) -> None:
    """Writes the index whole or not at all."""
    record = ann_files.Record(
        ENGINE, faiss.__version__, self._source, self.settings)
    ann_files.write(folder, record, self._write_files,
                      needed=4 * len(self) * self.dim)

  def _write_files(self, folder: pathlib.Path) -> None:
    try:
      faiss.write_index(self._native, str(folder / _FILE))
    except RuntimeError as error:
      # faiss says only that it could not write.
      raise OSError(errno.ENOSPC, str(error)) from error

  def _parameters(self, k: int) -> 'faiss.SearchParameters | None':
    if self.settings.brute:
      return None
    return faiss.IndexRefineSearchParameters(
        k_factor=max(1., self.settings.reorder / k),
        base_index_params=faiss.IVFSearchParameters(
            nprobe=self.settings.leaves_to_search))


def _factory(num_rows: int, dim: int,
             settings: ann.Settings) -> str:
  """What to build, in faiss's words."""
  if settings.soar_lambda is not None:
    raise ValueError('soar_lambda is for ScaNN: faiss has no second cell')
  if settings.brute:
    return 'Flat'
  if settings.num_leaves > num_rows:
    raise ValueError(f'num_leaves {settings.num_leaves} is above the '
                     f'{num_rows} rows: take fewer, or 0')
  if dim % settings.dims_per_block:
    raise ValueError(f'dims_per_block {settings.dims_per_block} does not '
                     f'divide dim {dim}')
  return (f'IVF{settings.num_leaves},PQ{dim // settings.dims_per_block}x4fs,'
          f'{_REFINE[settings.reorder_dtype]}')
