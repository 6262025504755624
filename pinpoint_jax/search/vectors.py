"""Rows of one channel as a gallery stores them, read as float32."""

import dataclasses
import functools
from typing import Any, TypeAlias

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, float16


@dataclasses.dataclass(frozen=True)
class Vectors:
  """Vectors that stay as they lie on disk until they are read.

  Attributes:
    stored: float16 or float32 [g, d], or int8 [g, d] with `scale`; may be
      memory-mapped.
    scale: what a row is multiplied with, float32 [g]; None multiplies none.
  """

  stored: np.ndarray
  scale: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.stored)

  @property
  def dim(self) -> int:
    """Dimension."""
    return self.stored.shape[1]

  def block(self, start: int, stop: int) -> Float[np.ndarray, 'n d']:
    """Rows start to stop, float32."""
    return self.take(slice(start, stop))

  def take(self, rows: Int[np.ndarray, 'n'] | slice,
           dtype: Any = np.float32) -> Float[np.ndarray, 'n d']:
    """Those rows in that order; as float64 they are the numbers of float32."""
    taken = self.stored[rows]
    if self.scale is None and taken.dtype == dtype:
      return np.asarray(taken)
    taken = float16.widened(taken)
    if self.scale is not None:
      taken = taken * self.scale[rows][:, None]
    return taken.astype(dtype, copy=False)


@dataclasses.dataclass(frozen=True)
class Joined:
  """Vectors of several segments as one table, by row of the gallery.

  Attributes:
    parts: one after the other; all as wide as the first.
  """

  parts: tuple[Vectors, ...]

  def __post_init__(self):
    if len({part.dim for part in self.parts}) != 1:
      raise ValueError(f'segments of {[part.dim for part in self.parts]} '
                       f'numbers a row are no one table')

  def __len__(self) -> int:
    return int(self._ends[-1])

  @property
  def dim(self) -> int:
    """Dimension."""
    return self.parts[0].dim

  def take(self, rows: Int[np.ndarray, 'n'],
           dtype: Any = np.float32) -> Float[np.ndarray, 'n d']:
    """Those rows in that order, as Vectors.take."""
    if len(self.parts) == 1:
      return self.parts[0].take(rows, dtype)
    taken = np.empty((len(rows), self.dim), dtype)
    for i, at, inside in blocks.by_part(self._ends, rows):
      taken[at] = self.parts[i].take(inside, dtype)
    return taken

  @functools.cached_property
  def _ends(self) -> Int[np.ndarray, 'p']:
    return np.cumsum([len(part) for part in self.parts], dtype=np.int64)


# Rows by number, however they lie.
Rows: TypeAlias = Vectors | Joined


def quantise(rows: Float[np.ndarray, 'n d']) -> Vectors:
  """Int8 rows, each scaled by its own largest number."""
  largest = np.abs(rows).max(axis=1, initial=0.)
  scale = np.where(largest > 0, largest / 127, 1.).astype(np.float32)
  stored = np.rint(rows / scale[:, None]).astype(np.int8)
  return Vectors(stored, scale)


_BLOCK = 16384
_SHOWN = 5


def checked_float32(vectors: Vectors) -> Float[np.ndarray, 'g d']:
  """All rows as float32, refused if one is not finite.

  A row may be zero, of a place of which an embedder knows nothing: it scores 0.
  """
  rows = np.empty((len(vectors), vectors.dim), np.float32)
  bad = []
  for start in range(0, len(rows), _BLOCK):
    block = vectors.block(start, min(start + _BLOCK, len(rows)))
    bad.extend(start + np.flatnonzero(~finite(block)))
    rows[start:start + len(block)] = block
  if bad:
    raise ValueError(
        f'{len(bad)} of {len(rows)} rows are not finite, first '
        f'{", ".join(map(str, bad[:_SHOWN]))}: write their features again')
  return rows


def check_queries(queries: Float[np.ndarray, 'b d'], dim: int) -> None:
  """Refuses queries of another dimension or with a number that is none."""
  if queries.shape[1] != dim:
    raise ValueError(f'queries have {queries.shape[1]} numbers, rows of the '
                     f'index {dim}: both must come from one model')
  bad = np.flatnonzero(~np.isfinite(queries).all(axis=1))
  if len(bad):
    raise ValueError(f'{len(bad)} of {len(queries)} queries are not finite, '
                     f'first {bad[0]}')


def finite(rows: Float[np.ndarray, 'n d']) -> np.ndarray:
  """Which rows have no number that is none, bool [n]."""
  # A sum of squares is not finite if any number is not, or is far too large.
  with np.errstate(over='ignore', invalid='ignore'):
    return np.isfinite(np.einsum('nd,nd->n', rows, rows))
