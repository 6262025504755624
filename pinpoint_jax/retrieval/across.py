"""Exact search over a gallery whose rows lie with several processes.

  process 0   its rows ─▶ k best, exactly scored ─┐
  process 1   its rows ─▶ k best, exactly scored ─┼▶ merge, on every process
  ...                                             ┘

Nothing but k rows per query and process ever crosses the network.
"""

from jax.experimental import multihost_utils
from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.retrieval import exact, merge
from pinpoint_jax.retrieval import excluded as excluded_lib


def search(engine: exact.Exact, first_row: int,
           queries: Float[np.ndarray, 'b d'], k: int,
           excluded: types.RowSets | None = None) -> types.Candidates:
  """The k best rows of all processes; all must ask the same.

  engine: the rows of this process, the first of which is number first_row
  among all. Numbers in the answer and in `excluded` are those among all.
  """
  here = excluded_lib.within(excluded, first_row, first_row + len(engine))
  found = engine.search(queries, k, here)
  rows = np.where(found.rows < 0, -1, found.rows + first_row)
  # Two halves: jax would cut an int64 to 32 bits.
  halves, scores = multihost_utils.process_allgather(
      (rows.view(np.uint32), found.scores))
  halves = np.ascontiguousarray(halves).reshape(-1, len(queries), 2 * k)
  scores = np.asarray(scores).reshape(-1, len(queries), k)
  return merge.merge([types.Candidates(*part) for part in zip(
      halves.view(np.int64), scores)], k)
