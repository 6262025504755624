"""Exact search: the same answer from every engine, to the bit.

  fast float32 scores ─▶ all rows that may be among the k best
                      ─▶ exact scores (exact_scores.py) ─▶ order by score, row

Engines: 'scan' (numpy, scan.py), 'sharded' (a jax mesh, scan_sharded.py).

Where several processes search together, each has its part of the rows:
all_hosts.py.
"""

from typing import Literal

import jax
from jaxtyping import Float, Int, Num
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import row_sets, scan, scan_sharded
from pinpoint_jax.search import vectors as vectors_lib

# Devices look at all rows, whatever the region: one of at most this share of
# the rows is gathered and scanned on the host.
_FEW = 0.02
Engine = Literal['auto', 'scan', 'sharded']


class Exact:
  """Rows to be searched more than once: what was prepared stays."""

  def __init__(self, vectors: vectors_lib.Vectors | Num[np.ndarray, 'g d'],
               engine: Engine = 'auto'):
    if isinstance(vectors, np.ndarray):
      vectors = vectors_lib.Vectors(vectors)
    self._vectors = vectors
    self._scan = scan.Scan(vectors)
    self._sharded = (scan_sharded.Sharded(vectors)
                     if chosen(engine) == 'sharded' else None)

  def __len__(self) -> int:
    return len(self._vectors)

  @property
  def num_scanned(self) -> int:
    """Queries so far that no device could decide: the host scanned all rows."""
    return self._sharded.num_scanned if self._sharded else 0

  def search(self, queries: Float[np.ndarray, 'b _'], k: int,
             excluded: types.RowSets | None = None,
             allowed: Int[np.ndarray, 'n'] | None = None) -> types.Candidates:
    """As `search`, against the rows that were given at the start."""
    self._check(queries, k, excluded, allowed)
    queries = np.ascontiguousarray(queries, np.float32)
    if self._sharded is None or (
        allowed is not None and len(allowed) <= _FEW * len(self)):
      return self._scan.search(queries, k, excluded, allowed)
    return self._sharded.search(queries, k, excluded, allowed)

  def _check(self, queries: np.ndarray, k: int,
             excluded: types.RowSets | None,
             allowed: np.ndarray | None) -> None:
    if k < 1:
      raise ValueError(f'k {k}: at least 1 row must be asked for')
    if queries.shape[1] != self._vectors.dim:
      raise ValueError(f'queries have {queries.shape[1]} numbers and the '
                       f'gallery {self._vectors.dim}: they are not of one '
                       f'model')
    row_sets.check_excluded(excluded, len(queries), len(self._vectors))
    if allowed is None or not len(allowed):
      return
    if (np.diff(allowed) <= 0).any():
      raise ValueError('allowed rows are not ascending: sort them, each once')
    if allowed[0] < 0 or allowed[-1] >= len(self._vectors):
      raise ValueError(f'allowed rows {allowed[0]} to {allowed[-1]} are not '
                       f'all among the {len(self._vectors)} of the gallery')


def search(queries: Float[np.ndarray, 'b _'],
           vectors: vectors_lib.Vectors | Num[np.ndarray, 'g d'], k: int,
           excluded: types.RowSets | None = None,
           allowed: Int[np.ndarray, 'n'] | None = None,
           engine: Engine = 'auto') -> types.Candidates:
  """The k rows of highest dot product per query, best first, ties by row.

  excluded: rows that may never answer a query; allowed: only these rows may,
  ascending. Where fewer than k rows remain: row -1,
  score -inf. Features that are not finite are refused by their place.
  """
  return Exact(vectors, engine).search(queries, k, excluded, allowed)


def chosen(engine: Engine) -> str:
  """The engine behind 'auto': numpy on a CPU, the mesh on an accelerator."""
  if engine == 'auto':
    return 'scan' if jax.default_backend() == 'cpu' else 'sharded'
  if engine not in ('scan', 'sharded'):
    raise ValueError(f"engine {engine!r}: choices are 'auto', 'scan', "
                     f"'sharded'")
  return engine
