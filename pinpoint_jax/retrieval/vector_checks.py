"""Rows that must not reach a native index: it would abort the process."""

from jaxtyping import Float
import numpy as np
from pinpoint_jax.retrieval import vectors as vectors_lib

_BLOCK = 16384
_SHOWN = 5


class BadVectors(ValueError):
  """Rows no index can be built from."""


def checked_float32(vectors: vectors_lib.Vectors) -> Float[np.ndarray, 'g d']:
  """All rows as float32, refused if one is not finite or is all zero."""
  rows = np.empty((len(vectors), vectors.dim), np.float32)
  bad = []
  for start in range(0, len(rows), _BLOCK):
    block = vectors.block(start, min(start + _BLOCK, len(rows)))
    bad.extend(start + np.flatnonzero(~usable(block)))
    rows[start:start + len(block)] = block
  if bad:
    raise BadVectors(
        f'{len(bad)} of {len(rows)} rows are zero or not finite, first '
        f'{", ".join(map(str, bad[:_SHOWN]))}: write their features again')
  return rows


def check_queries(queries: Float[np.ndarray, 'b d'], dim: int) -> None:
  """Refuses queries of another dimension or with a number that is none."""
  if queries.shape[1] != dim:
    raise BadVectors(f'queries have {queries.shape[1]} numbers, rows of the '
                     f'index {dim}: both must come from one model')
  bad = np.flatnonzero(~np.isfinite(queries).all(axis=1))
  if len(bad):
    raise BadVectors(f'{len(bad)} of {len(queries)} queries are not finite, '
                     f'first {bad[0]}')


def usable(rows: Float[np.ndarray, 'n d']) -> np.ndarray:
  """Which rows are finite and not all zero, bool [n]."""
  # A sum of squares is not finite if any number is not: one pass finds both.
  with np.errstate(over='ignore', invalid='ignore'):
    squares = np.einsum('nd,nd->n', rows, rows)
  return np.isfinite(squares) & (squares > 0)
