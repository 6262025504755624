"""Approximate search by ScaNN: cells, four-bit codes, the best rescored.

The only file that imports scann. Import it lazily: it takes a third of a
second.
"""

import errno
import importlib.metadata
import math
import os
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.search import ann, ann_files, merge
from pinpoint_jax.search import vectors as vector_checks
from pinpoint_jax.search import vectors as vectors_lib
from scann.scann_ops.py import scann_builder, scann_ops_pybind

ENGINE = 'scann'
# Scoring all rows sums in an order that depends on how many queries come
# together, so they always come this many at a time.
_BRUTE_BLOCK = 8
# Queries that one thread takes at a time, at most.
_THREAD_BLOCK = 256
_REORDER = {'float32': scann_builder.ReorderType.FLOAT32,
            'bfloat16': scann_builder.ReorderType.BFLOAT16}
# ScaNN's own default, which lists of any length override.
_DEFAULT_K = 100


class ScannIndex:
  """An index of unit vectors by dot product."""

  def __init__(self, searcher: scann_ops_pybind.ScannSearcher | None,
               source: ann_files.IndexSource,
               settings: ann.Settings) -> None:
    """`searcher` is None where there are no rows."""
    self._searcher = searcher
    self._source = source
    self.settings = settings
    if searcher is not None:
      searcher.set_num_threads(_num_threads())

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
    rows = vector_checks.checked_float32(vectors)
    return cls(_built(rows, settings), source, settings)

  @classmethod
  def load(cls, folder: pathlib.Path,
           source: ann_files.IndexSource | None = None) -> 'ScannIndex':
    """Reads an index, refused if damaged or of other vectors than `source`."""
    record = ann_files.read(folder, source)
    ann_files.check_engine(folder, record, ENGINE)
    searcher = None
    if record.source.num_rows:
      searcher = scann_ops_pybind.load_searcher(str(folder.absolute()))
    return cls(searcher, record.source, record.settings)

  def __len__(self) -> int:
    return self._source.num_rows

  @property
  def dim(self) -> int:
    """Dimension."""
    return self._source.dim

  def with_effort(self, leaves_to_search: int, reorder: int) -> 'ScannIndex':
    """The same index, searched that hard."""
    return ScannIndex(self._searcher, self._source,
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
    search = self._brute if self.settings.brute else self._tree
    nearest, score = search(
        np.ascontiguousarray(queries, np.float32), num_found)
    # ScaNN pads short lists with row 0 at distance NaN. Its rows are uint32,
    # in which -1 would be a row.
    missing = np.isnan(score)
    rows[:, :num_found] = np.where(missing, -1, nearest.astype(np.int64))
    scores[:, :num_found] = np.where(missing, -np.inf, score)
    return merge.order_by_row(rows, scores)

  def save(self, folder: pathlib.Path) -> None:
    """Writes the index whole or not at all."""
    record = ann_files.Record(
        ENGINE, importlib.metadata.version('scann'), self._source,
        self.settings)
    ann_files.write(folder, record, self._write_files,
                      needed=4 * len(self) * self.dim)

  def _write_files(self, folder: pathlib.Path) -> None:
    if self._searcher is None:
      return
    try:
      self._searcher.serialize(str(folder), relative_path=True)
    except RuntimeError as error:
      # ScaNN says only that it could not write.
      raise OSError(errno.ENOSPC, str(error)) from error

  def _tree(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    effort = (k, max(k, self.settings.reorder), self.settings.leaves_to_search)
    if len(queries) == 1:  # Nothing to share out: do not wake other threads.
      return self._searcher.search_batched(queries, *effort)
    each = -(-len(queries) // _num_threads())
    return self._searcher.search_batched_parallel(
        queries, *effort, batch_size=min(each, _THREAD_BLOCK))

  def _brute(self, queries: np.ndarray,
             k: int) -> tuple[np.ndarray, np.ndarray]:
    parts = [self._searcher.search_batched(block, k)
             for _, (block,) in blocks.padded(_BRUTE_BLOCK, queries)]
    rows, scores = (np.concatenate(part)[:len(queries)]
                    for part in zip(*parts))
    return rows, scores


def verify(folder: pathlib.Path) -> ann_files.Record:
  """Reads every byte of a saved index; refused if one has changed."""
  record = ann_files.read(folder, read_all=True)
  ann_files.check_engine(folder, record, ENGINE)
  return record


def _built(rows: Float[np.ndarray, 'g d'],
           settings: ann.Settings) -> scann_ops_pybind.ScannSearcher:
  builder = scann_ops_pybind.builder(
      rows, min(_DEFAULT_K, len(rows)), 'dot_product')
  builder = builder.set_n_training_threads(_num_threads())
  if settings.brute:
    return builder.score_brute_force().build()
  # Whole-number centroids: the choice of cells, and so the answer, does not
  # depend on how many queries come together.
  builder = builder.tree(
      settings.num_leaves, settings.leaves_to_search,
      training_sample_size=settings.training_rows, quantize_centroids=True,
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
