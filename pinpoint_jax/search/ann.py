"""What every approximate index offers, and the settings it is built with."""

from collections.abc import Mapping
import dataclasses
import math
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
    """Dimension."""

  def search(self, queries: Float[np.ndarray, 'b d'],
             k: int) -> types.Candidates:
    """Up to k rows per query, best first, ties by row; -1 and -inf pad."""

  def save(self, folder: pathlib.Path) -> None:
    """Writes the index whole or not at all."""


# By segment name and channel.
Indices = Mapping[tuple[str, str], Index]
REORDER_DTYPES = ('float32', 'bfloat16')
# Below this many rows scoring all of them is as fast as any tree.
BRUTE_BELOW = 20_000


@dataclasses.dataclass(frozen=True)
class Settings:
  """Settings of one index; the first group is fixed once it is built.

  Attributes:
    num_leaves: cells the rows are divided into; 0 scores every row exactly.
    training_rows: rows from which cells and codes are learned, at most.
    dims_per_block: numbers that share one four-bit code.
    anisotropic_threshold: errors along a row count more than those across it
      from this cosine on; None counts both alike. ScaNN alone can do this.
    soar_lambda: rows are also put into a second cell, chosen with this weight;
      None leaves them in one. ScaNN alone can do this.
    reorder_dtype: of the rows that the best codes are scored again with.
    leaves_to_search: cells looked into for each query.
    reorder: rows scored again for each query, or k where that is more.
  """

  num_leaves: int
  training_rows: int = 100_000
  dims_per_block: int = 2
  anisotropic_threshold: float | int | None = 0.2
  soar_lambda: float | int | None = None
  reorder_dtype: str = 'float32'
  leaves_to_search: int = 1
  reorder: int = 200

  def __post_init__(self) -> None:
    if self.reorder_dtype not in REORDER_DTYPES:
      raise ValueError(f'reorder_dtype {self.reorder_dtype!r} is none of '
                       f'{", ".join(REORDER_DTYPES)}')
    if self.num_leaves < 0:
      raise ValueError(f'num_leaves {self.num_leaves} is below 0: give 0 to '
                       f'score every row')
    for name in ('training_rows', 'dims_per_block', 'leaves_to_search',
                 'reorder'):
      if getattr(self, name) < 1:
        raise ValueError(f'{name} {getattr(self, name)} is below 1')
    if self.num_leaves and self.leaves_to_search > self.num_leaves:
      raise ValueError(f'leaves_to_search {self.leaves_to_search} is above '
                       f'num_leaves {self.num_leaves}')

  @property
  def brute(self) -> bool:
    """Whether every row is scored exactly."""
    return not self.num_leaves

  def with_effort(self, leaves_to_search: int, reorder: int) -> 'Settings':
    """The same index, searched that hard."""
    return dataclasses.replace(
        self, leaves_to_search=leaves_to_search, reorder=reorder)


def settings_for_rows(num_rows: int) -> Settings:
  """Settings that suit a gallery of that size before any tuning."""
  if num_rows < BRUTE_BELOW:
    return Settings(num_leaves=0)
  num_leaves = math.isqrt(num_rows)
  return Settings(num_leaves, leaves_to_search=max(1, num_leaves // 40))
