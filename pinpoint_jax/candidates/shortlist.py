"""Candidates of the three searches, each gallery row once.

  z_image · z_image    ─▶ image list    ─┐
  z_image · z_location ─▶ location list ─┼▶ union ─▶ rows, who proposed them,
  raw · raw            ─▶ raw list      ─┘           similarity under all three
"""

from collections.abc import Callable, Mapping
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types

# Pairs of query and candidate that are scored at a time.
_PAIRS = 1 << 14


@dataclasses.dataclass(frozen=True)
class Sizes:
  """How many candidates each search may propose; all are config fields."""

  image: int = 8
  location: int = 2
  raw: int = 2

  def __post_init__(self):
    if min(self.image, self.location, self.raw) < 0 or not self.total:
      raise ValueError(f'{self}: sizes are at least 0, and not all 0')

  @property
  def total(self) -> int:
    """Slots of a shortlist, duplicates padded."""
    return self.image + self.location + self.raw


@dataclasses.dataclass(frozen=True)
class Queries:
  """Photos as vectors to search with.

  Attributes:
    z_image: unit embeddings, float32 [b, d].
    raw: unit features, float32 [b, r]; None where the gallery has none.
  """

  z_image: Float[np.ndarray, 'b d']
  raw: Float[np.ndarray, 'b r'] | None = None

  def __len__(self) -> int:
    return len(self.z_image)

  def of(self, channel: str) -> Float[np.ndarray, 'b _']:
    """The vectors that search that channel."""
    if channel == 'raw':
      if self.raw is None:
        raise ValueError('channel raw: these queries have no raw features')
      return self.raw
    return self.z_image

  def take(self, rows: Int[np.ndarray, 'n'] | slice) -> 'Queries':
    """Some of the queries."""
    return Queries(self.z_image[rows],
                   None if self.raw is None else self.raw[rows])


def union(lists: Mapping[str, types.Candidates]) -> tuple[
    Int[np.ndarray, 'b k'], Int[np.ndarray, 'b k 3']]:
  """Each proposed row once, in the order of first proposal, and its ranks.

  k is the sum of the lists' lengths; what duplicates leave free is -1, last.
  """
  rows = np.concatenate([found.rows for found in lists.values()], axis=1)
  num_queries, k = rows.shape
  place = np.concatenate([np.arange(x.rows.shape[1]) for x in lists.values()])
  channel = np.concatenate([
      np.full(x.rows.shape[1], types.CHANNELS.index(name))
      for name, x in lists.items()])
  query = np.arange(num_queries)[:, None]
  slot = _slots(rows)
  real = rows >= 0
  found = np.full((num_queries, k), -1, np.int64)
  ranks = np.full((num_queries, k, len(types.CHANNELS)), -1, np.int32)
  at = np.broadcast_to(query, rows.shape)[real], slot[real]
  found[at] = rows[real]
  ranks[(*at, np.broadcast_to(channel, rows.shape)[real])] = np.broadcast_to(
      place, rows.shape)[real]
  return found, ranks


def _slots(rows: Int[np.ndarray, 'b k']) -> Int[np.ndarray, 'b k']:
  """Slot of each entry: equal rows share the slot of the first of them."""
  order = np.argsort(rows, axis=1, kind='stable')
  ordered = np.take_along_axis(rows, order, axis=1)
  new = np.ones(rows.shape, bool)
  new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
  # In a stable sort the first of equals is the one that was proposed first.
  starts = np.maximum.accumulate(
      np.where(new, np.arange(rows.shape[1]), 0), axis=1)
  first = np.empty_like(rows)
  np.put_along_axis(first, order,
                    np.take_along_axis(order, starts, axis=1), axis=1)
  is_first = (first == np.arange(rows.shape[1])) & (rows >= 0)
  slot_of_first = np.cumsum(is_first, axis=1) - 1
  return np.take_along_axis(slot_of_first, first, axis=1)


def similarities(
    queries: Queries, rows: Int[np.ndarray, 'b k'],
    score_fn: Callable[[str, Float[np.ndarray, 'b d'], Int[np.ndarray, 'b k']],
                       Float[np.ndarray, 'b k']],
    channels: tuple[str, ...]) -> Float[np.ndarray, 'b k 3']:
  """Cosine of every candidate under every channel; -inf in padded slots.

  score_fn(channel, queries, rows) scores pairs whose rows are real.
  """
  found = np.zeros((*rows.shape, len(types.CHANNELS)), np.float32)
  step = max(1, _PAIRS // max(rows.shape[1], 1))
  for start in range(0, len(rows), step):
    part = slice(start, start + step)
    for name in channels:
      found[part, :, types.CHANNELS.index(name)] = score_fn(
          name, queries.of(name)[part], np.maximum(rows[part], 0))
  found[rows < 0] = -np.inf
  return found
