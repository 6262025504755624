"""How far a fast float32 score may lie from the exact one.

Whatever the order of the sum, |fast − exact| ≤ d·u / (1 − d·u) · ‖q‖·‖x‖ with
u = 2⁻²⁴. We allow twice that: scales of int8 rows, the rounding of the exact
score, norms in float32 and products on accelerators take their share.
"""

from jaxtyping import Float
import numpy as np

_UNIT = 2.**-24
# What numbers too small for float32 may lose.
_TINY = 2.**-120
# Half of float32's largest: no sum on the way can overflow below it.
LARGEST = 1.7e38


def margin(dim: int, query_norms: Float[np.ndarray, 'b'],
           row_norm: float | int) -> Float[np.ndarray, 'b']:
  """Largest difference for rows no longer than row_norm, float64 [b]."""
  size = query_norms.astype(np.float64) * float(row_norm)
  tiny = dim * _TINY * (1. + query_norms) * (1. + float(row_norm))
  return 2. * (dim + 8) * _UNIT * size + tiny


def norms(rows: Float[np.ndarray, 'n d']) -> Float[np.ndarray, 'n']:
  """Length of each row, float64; not finite where the row is not."""
  found = np.einsum('nd,nd->n', rows, rows).astype(np.float64)
  # A square may overflow, or vanish, where the number does neither.
  odd = ~np.isfinite(found) | (found < 1e-30)
  if odd.any():
    wide = rows[odd].astype(np.float64)
    found[odd] = np.einsum('nd,nd->n', wide, wide)
  return np.sqrt(found)


def check_finite(query_norms: Float[np.ndarray, 'b'],
                 row_norms: Float[np.ndarray, 'n'], query: int,
                 rows: np.ndarray | range) -> None:
  """Refuses pairs whose score is no finite number, naming the first pair.

  query: number of the first query; rows: number of every row.
  """
  if not len(query_norms) or not len(row_norms):
    return
  # NaN passes through max, so that one comparison finds everything.
  if query_norms.max() * row_norms.max() < LARGEST:
    return
  bad_query, bad_row = (np.flatnonzero(~np.isfinite(lengths))
                        for lengths in (query_norms, row_norms))
  at = (int([*bad_query, 0][0]), int([*bad_row, 0][0]))
  if not len(bad_query) and not len(bad_row):
    at = int(query_norms.argmax()), int(row_norms.argmax())
  raise ValueError(
      f'query {query + at[0]} against gallery row {int(rows[at[1]])} scores no '
      f'finite number: the features of one of them are not finite or too large '
      f'(lengths {query_norms[at[0]]:g} and {row_norms[at[1]]:g})')
