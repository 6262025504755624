"""What every approximate index offers, whatever engine is behind it."""

import pathlib
from typing import Protocol, runtime_checkable

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types


@runtime_checkable
class Index(Protocol):
  """Finds rows of high dot product, most of the time all of them."""

  def __len__(self) -> int:
    """Rows in the index."""

  @property
  def dim(self) -> int:
    """Numbers in a vector."""

  def search(self, queries: Float[np.ndarray, 'b d'],
             k: int) -> types.Candidates:
    """Up to k rows per query, best first, ties by row; -1 and -inf pad."""

  def save(self, folder: pathlib.Path) -> None:
    """Writes the index whole or not at all."""
