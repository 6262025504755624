"""Rows that repeat an earlier one: searched once, all of them answer.

Photos of one place share their place embedding. A list that ends among a
thousand equal rows would have to hold all of them to be sure of its lowest.

  rows      a b a c b a       contents  a b c
            0 1 2 3 4 5       first     0 1 3
                              rows      a: 0 2 5   b: 1 4   c: 3
"""

import dataclasses
import functools

from jaxtyping import Float, Int, UInt64
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.search import exact_scores, row_sets
from pinpoint_jax.search import vectors as vectors_lib

# Rows whose bytes are looked at together.
_BLOCK = 1 << 14


@dataclasses.dataclass(frozen=True)
class Repeats:
  """Rows by what they contain.

  Attributes:
    first: the lowest row of each content, ascending, int64 [u].
    of_row: content of each row, -1 where it may not answer, int64 [g].
    rows: all that may answer, content after content, ascending within one,
      int64 [n].
  """

  first: Int[np.ndarray, 'u']
  of_row: Int[np.ndarray, 'g']
  rows: Int[np.ndarray, 'n']

  def __len__(self) -> int:
    return len(self.first)

  @functools.cached_property
  def sizes(self) -> Int[np.ndarray, 'u']:
    """Rows of each content that may answer."""
    return np.bincount(self.of_row[self.rows], minlength=len(self))

  @functools.cached_property
  def _starts(self) -> Int[np.ndarray, 'u']:
    return np.cumsum(self.sizes) - self.sizes

  def among(self, allowed: Int[np.ndarray, 'm']) -> 'Repeats':
    """The same contents, of which only the rows allowed may answer."""
    is_open = np.zeros(len(self.of_row), bool)
    is_open[allowed] = True
    return Repeats(self.first, np.where(is_open, self.of_row, -1),
                   self.rows[is_open[self.rows]])

  def hidden(self, pairs: row_sets.Pairs) -> row_sets.Pairs:
    """The pairs of content and query of which every row is among `pairs`.

    Only rows that may answer count; a content without any is in no pair.
    """
    keys, counts = self._hidden_counts(pairs)
    queries, content = row_sets.query_and_row(keys)
    whole = counts == self.sizes[content]
    order = np.argsort(content[whole], kind='stable')
    return row_sets.Pairs(content[whole][order], queries[whole][order])

  def best(self, query: Int[np.ndarray, 'n'], content: Int[np.ndarray, 'n'],
           score: Float[np.ndarray, 'n'], num_queries: int, k: int,
           pairs: row_sets.Pairs) -> types.Candidates:
    """Up to k rows of each query by (score, row), none of them in `pairs`."""
    if len(self) == len(self.of_row):  # Nothing repeats.
      return exact_scores.best(query, content, score, num_queries, k)
    num_hidden = self._num_hidden(query, content, pairs)
    num_open = self.sizes[content] - num_hidden
    kept = np.flatnonzero(_num_better(query, score, num_open) < k)
    query, content, score = query[kept], content[kept], score[kept]
    # The lowest k that are open are among so many.
    counts = np.minimum(self.sizes[content], k + num_hidden[kept])
    row = self.rows[row_sets.ranges(self._starts[content], counts)]
    query, score = np.repeat(query, counts), np.repeat(score, counts)
    is_open = ~row_sets.is_among(row_sets.keys(query, row),
                                 np.sort(pairs.keys))
    return exact_scores.best(query[is_open], row[is_open], score[is_open],
                             num_queries, k)

  def _hidden_counts(self, pairs: row_sets.Pairs) -> tuple[
      np.ndarray, np.ndarray]:
    """Keys of (query, content), ascending, and how many rows they hide."""
    content = self.of_row[pairs.rows]
    is_open = content >= 0
    return np.unique(row_sets.keys(pairs.queries[is_open], content[is_open]),
                     return_counts=True)

  def _num_hidden(self, query: np.ndarray, content: np.ndarray,
                  pairs: row_sets.Pairs) -> np.ndarray:
    keys, counts = self._hidden_counts(pairs)
    wanted = row_sets.keys(query, content)
    place = np.searchsorted(keys, wanted)
    return np.where(row_sets.is_among(wanted, keys),
                    np.append(counts, 0)[place], 0)


def _num_better(query: np.ndarray, score: np.ndarray,
                num_rows: np.ndarray) -> Int[np.ndarray, 'n']:
  """Rows of contents that score higher for the same query."""
  order = np.lexsort((-score, query))
  query, score = query[order], score[order]
  before = np.cumsum(num_rows[order]) - num_rows[order]
  before -= before[np.searchsorted(query, query)]
  new = np.ones(len(query), bool)
  new[1:] = (np.diff(query) != 0) | (np.diff(score) != 0)
  better = np.empty_like(before)
  better[order] = before[np.flatnonzero(new)][np.cumsum(new) - 1]
  return better


def find(vectors: vectors_lib.Vectors) -> Repeats:
  """Which rows are equal in every number; reads all of them."""
  first = _first_of_key(_keys(vectors))
  later = np.flatnonzero(first != np.arange(len(first)))
  for part in blocks.slices(len(later), _BLOCK):
    rows = later[part]
    unlike = (vectors.stored[rows] != vectors.stored[first[rows]]).any(axis=1)
    if vectors.scale is not None:
      unlike |= vectors.scale[rows] != vectors.scale[first[rows]]
    first[rows[unlike]] = rows[unlike]  # Two contents of one key.
  lowest = np.flatnonzero(first == np.arange(len(first)))
  of_row = np.searchsorted(lowest, first)
  return Repeats(lowest, of_row, np.argsort(of_row, kind='stable'))


def _first_of_key(keys: UInt64[np.ndarray, 'g']) -> Int[np.ndarray, 'g']:
  """The lowest row that has the key of each row."""
  order = np.argsort(keys, kind='stable')
  new = np.ones(len(keys), bool)
  new[1:] = np.diff(keys[order]) != 0
  first = np.empty(len(keys), np.int64)
  first[order] = order[np.flatnonzero(new)][np.cumsum(new) - 1]
  return first


def _keys(vectors: vectors_lib.Vectors) -> UInt64[np.ndarray, 'g']:
  """Numbers of rows: equal rows have equal ones, others hardly ever."""
  width = vectors.stored.dtype.itemsize * vectors.dim
  word = next(size for size in (8, 4, 2, 1) if not width % size)
  factors = np.random.default_rng(0).integers(
      2**64, size=width // word + 1, dtype=np.uint64) | np.uint64(1)
  keys = np.zeros(len(vectors), np.uint64)
  for part in blocks.slices(len(keys), _BLOCK):
    words = np.ascontiguousarray(vectors.stored[part]).view(f'u{word}')
    words = words.astype(np.uint64)
    # Signs are the highest bits, which a product would leave where they are.
    words ^= words >> np.uint64(31)
    keys[part] = words @ factors[1:]
    if vectors.scale is not None:
      scale = np.ascontiguousarray(vectors.scale[part], np.float32)
      keys[part] += scale.view('u4') * factors[0]
  return keys
