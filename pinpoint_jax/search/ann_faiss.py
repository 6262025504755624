"""Approximate search by faiss fast-scan, for those who install it.

The same cells, four-bit codes and rescoring as ScaNN's, behind the same
interface; see docs/search.md for when it is worth it. The only file that
imports faiss.
"""

import os
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax.search import ann, ann_files, ann_native
from pinpoint_jax.search import vectors as vectors_lib

try:
  import faiss
except ImportError as error:
  raise ImportError(
      'the faiss index needs faiss: install pinpoint_jax[faiss]') from error

_FILE = 'faiss.index'
_REFINE = {'float32': 'RFlat', 'bfloat16': 'Refine(SQbf16)'}
# faiss multiplies 20 queries or more by BLAS, whose sums depend on how many
# there are. Off except for training: an answer must not depend on the batch.
_NEVER_BLAS, _BLAS = 1 << 30, 20
faiss.cvar.distance_compute_blas_threshold = _NEVER_BLAS


class FaissIndex(ann_native.NativeIndex):
  """An index of unit vectors by dot product."""

  engine, version = 'faiss', faiss.__version__

  def __init__(self, native: 'faiss.Index | None',
               source: ann_files.IndexSource, settings: ann.Settings) -> None:
    """Wraps what faiss built."""
    super().__init__(native, source, settings)
    faiss.omp_set_num_threads(len(os.sched_getaffinity(0)))

  @classmethod
  def build(cls, vectors: vectors_lib.Vectors,
            settings: ann.Settings,
            fingerprint: str) -> 'FaissIndex':
    """Builds an index in memory; `fingerprint` names these vectors."""
    source = ann_files.IndexSource(len(vectors), vectors.dim, fingerprint)
    rows = vectors_lib.checked_float32(vectors)
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
  def _read(cls, folder: pathlib.Path) -> 'faiss.Index':
    return faiss.read_index(str(folder / _FILE))

  def _write(self, folder: pathlib.Path) -> None:
    faiss.write_index(self._native, str(folder / _FILE))

  def _nearest(self, queries: Float[np.ndarray, 'b d'],
               k: int) -> tuple[np.ndarray, np.ndarray]:
    effort = None if self.settings.brute else faiss.IndexRefineSearchParameters(
        k_factor=max(1., self.settings.reorder / k),
        base_index_params=faiss.IVFSearchParameters(
            nprobe=self.settings.leaves_to_search))
    scores, rows = self._native.search(queries, k, params=effort)
    return rows, scores


def _factory(num_rows: int, dim: int, settings: ann.Settings) -> str:
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
