"""Candidates of the three searches, each gallery row once.

  z_image · z_image    ─▶ image list    ─┐
  z_image · z_location ─▶ location list ─┼▶ union ─▶ rows, who proposed them,
  raw · raw            ─▶ raw list      ─┘           similarity under all three
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types


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

  def by_channel(self) -> dict[str, int]:
    """Size of each list that is not empty."""
    return {name: size for name in types.CHANNELS
            if (size := getattr(self, name))}


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


def build(
    lists: Mapping[str, types.Candidates], queries: Queries,
    score_fn: Callable[..., Float[np.ndarray, 'm']],
    channels: Sequence[str]) -> types.Shortlist:
  """Each proposed row once, in the order of first proposal.

  k is the sum of the lists' lengths; what duplicates leave free is -1, last.
  The lists' scores stay; score_fn, as in `similarities`, adds the others.
  """
  rows = np.concatenate([some.rows for some in lists.values()], axis=1)
  scores = np.concatenate([some.scores for some in lists.values()], axis=1)
  lengths = [some.rows.shape[1] for some in lists.values()]
  place = np.concatenate([np.arange(length) for length in lengths])
  channel = np.repeat([types.CHANNELS.index(name) for name in lists], lengths)
  query, column = np.nonzero(rows >= 0)
  slot = _slots(rows)[query, column]
  proposed = np.full(rows.shape, -1, np.int64)
  ranks = np.full((*rows.shape, len(types.CHANNELS)), -1, np.int32)
  known = np.full(ranks.shape, np.nan, np.float32)
  proposed[query, slot] = rows[query, column]
  ranks[query, slot, channel[column]] = place[column]
  known[query, slot, channel[column]] = scores[query, column]
  return types.Shortlist(proposed, ranks, similarities(
      queries, proposed, score_fn, channels, known))


def cut(lists: Mapping[str, types.Candidates],
        sizes: Sizes) -> dict[str, types.Candidates]:
  """The first of each list, as many as `sizes` says; 0 leaves it out."""
  return {name: types.Candidates(lists[name].rows[:, :size],
                                 lists[name].scores[:, :size])
          for name, size in sizes.by_channel().items()}


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
    score_fn: Callable[..., Float[np.ndarray, 'm']],
    channels: Sequence[str],
    known: Float[np.ndarray, 'b k 3'] | None = None) -> Float[
        np.ndarray, 'b k 3']:
  """Cosine of every candidate under every channel; -inf in padded slots.

  score_fn(channel, vectors [b, d], query [m], row [m]) scores pairs; only those
  that are NaN in `known` are asked for.
  """
  filled = np.zeros((*rows.shape, len(types.CHANNELS)), np.float32)
  for name in channels:
    column = filled[..., types.CHANNELS.index(name)]
    missing = rows >= 0
    if known is not None:
      scores = known[..., types.CHANNELS.index(name)]
      missing &= np.isnan(scores)
      column[:] = scores
    query, slot = np.nonzero(missing)
    column[query, slot] = score_fn(
        name, queries.of(name), query, rows[query, slot])
  filled[rows < 0] = -np.inf
  return filled
