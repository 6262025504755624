"""Approximate search by ScaNN: cells, four-bit codes, the best rescored.

The only file that imports scann. Import it lazily: it takes a third of a
second.
"""

import importlib.metadata
import math
import os
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.search import ann, ann_files, ann_native
from pinpoint_jax.search import vectors as vectors_lib
from scann.scann_ops.py import scann_builder, scann_ops_pybind

# Scoring all rows sums in an order that depends on how many queries come
# together, so they always come this many at a time.
_BRUTE_BLOCK = 8
# Queries that one thread takes at a time, at most.
_THREAD_BLOCK = 256
_REORDER = {'float32': scann_builder.ReorderType.FLOAT32,
            'bfloat16': scann_builder.ReorderType.BFLOAT16}
# Of the training rows. ScaNN's own 50 joins cells of a large index, which has
# hardly more of them in a cell.
_SMALLEST_CELL = 5
# ScaNN's own default, which lists of any length override.
_DEFAULT_K = 100


class ScannIndex(ann_native.NativeIndex):
  """An index of unit vectors by dot product."""

  engine, version = 'scann', importlib.metadata.version('scann')

  def __init__(self, native: scann_ops_pybind.ScannSearcher | None,
               source: ann_files.IndexSource, settings: ann.Settings) -> None:
    """Wraps what ScaNN built; None where there are no rows."""
    super().__init__(native, source, settings)
    if native is not None:
      native.set_num_threads(_num_threads())

  @classmethod
  def build(cls, vectors: vectors_lib.Vectors,
            settings: ann.Settings,
            fingerprint: str) -> 'ScannIndex':
    """Builds an index in memory; `fingerprint` names these vectors."""
    source = ann_files.IndexSource(len(vectors), vectors.dim, fingerprint)
    if settings.num_leaves > len(vectors):
      raise ValueError(f'num_leaves {settings.num_leaves} is above the '
                       f'{len(vectors)} rows: take fewer, or 0')
    if not len(vectors):
      return cls(None, source, settings)
    rows = vectors_lib.checked_float32(vectors)
    return cls(_built(rows, settings), source, settings)

  @classmethod
  def _read(cls, folder: pathlib.Path) -> scann_ops_pybind.ScannSearcher:
    return scann_ops_pybind.load_searcher(str(folder.absolute()))

  def _write(self, folder: pathlib.Path) -> None:
    self._native.serialize(str(folder), relative_path=True)

  def _nearest(self, queries: Float[np.ndarray, 'b d'],
               k: int) -> tuple[np.ndarray, np.ndarray]:
    search = self._brute if self.settings.brute else self._tree
    rows, scores = search(queries, k)
    # ScaNN pads short lists with row 0 at distance NaN. Its rows are uint32,
    # in which -1 would be a row.
    return np.where(np.isnan(scores), -1, rows.astype(np.int64)), scores

  def _tree(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    effort = (k, max(k, self.settings.reorder), self.settings.leaves_to_search)
    if len(queries) == 1:  # Nothing to share out: do not wake other threads.
      return self._native.search_batched(queries, *effort)
    each = -(-len(queries) // _num_threads())
    return self._native.search_batched_parallel(
        queries, *effort, batch_size=min(each, _THREAD_BLOCK))

  def _brute(self, queries: np.ndarray,
             k: int) -> tuple[np.ndarray, np.ndarray]:
    parts = [self._native.search_batched(block, k)
             for _, (block,) in blocks.padded(_BRUTE_BLOCK, queries)]
    rows, scores = (np.concatenate(part)[:len(queries)]
                    for part in zip(*parts))
    return rows, scores


def _built(rows: Float[np.ndarray, 'g d'],
           settings: ann.Settings) -> scann_ops_pybind.ScannSearcher:
  builder = scann_ops_pybind.builder(
      rows, min(_DEFAULT_K, len(rows)), 'dot_product')
  builder = builder.set_n_training_threads(_num_threads())
  if settings.brute:
    return builder.score_brute_force().build()
  # Whole-number centroids: the choice of cells, and so the answer, does not
  # depend on how many queries come together. Centroids of unit length: the
  # others are the longer the tighter their cell, and a query then looks into
  # tight cells and not into near ones.
  builder = builder.tree(
      settings.num_leaves, settings.leaves_to_search,
      training_sample_size=settings.training_rows, quantize_centroids=True,
      spherical=True, min_partition_size=_SMALLEST_CELL,
      soar_lambda=settings.soar_lambda)
  builder = builder.score_ah(
      settings.dims_per_block,
      anisotropic_quantization_threshold=(
          math.nan if settings.anisotropic_threshold is None
          else settings.anisotropic_threshold),
      training_sample_size=settings.training_rows)
  return builder.reorder(
      settings.reorder, quantize=_REORDER[settings.reorder_dtype]).build()


def _num_threads() -> int:
  return len(os.sched_getaffinity(0))
