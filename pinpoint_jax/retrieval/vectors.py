"""Rows of one channel as a gallery stores them, read as float32."""

import dataclasses

from jaxtyping import Float, Int
import numpy as np


@dataclasses.dataclass(frozen=True)
class Vectors:
  """Vectors that stay as they lie on disk until they are read.

  Attributes:
    stored: float16 or float32 [g, d], or int8 [g, d] with `scale`; may be
      memory-mapped.
    scale: what an int8 row is multiplied with, float32 [g].
  """

  stored: np.ndarray
  scale: np.ndarray | None = None

  def __len__(self) -> int:
    return len(self.stored)

  @property
  def dim(self) -> int:
    """Numbers in a vector."""
    return self.stored.shape[1]

  def block(self, start: int, stop: int) -> Float[np.ndarray, 'n d']:
    """Rows start to stop, float32."""
    return self.take(slice(start, stop))

  def take(self, rows: Int[np.ndarray, 'n'] | slice) -> Float[
      np.ndarray, 'n d']:
    """Those rows, float32, in that order."""
    found = np.asarray(self.stored[rows], np.float32)
    if self.scale is None:
      return found
    return found * self.scale[rows][:, None]


def quantise(rows: Float[np.ndarray, 'n d']) -> Vectors:
  """Int8 rows, each scaled by its own largest number."""
  largest = np.abs(rows).max(axis=1, initial=0.)
  scale = np.where(largest > 0, largest / 127, 1.).astype(np.float32)
  stored = np.rint(rows / scale[:, None]).astype(np.int8)
  return Vectors(stored, scale)
