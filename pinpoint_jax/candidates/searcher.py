"""The three searches over one gallery, under one mask.

  each segment: index ─▶ mask ─▶ short of k? ─▶ exact ─┐
                or exact under the mask ───────────────┴▶ merged, ties by id

A small region is scanned exactly: an index that looks at the best of all rows
seldom meets it.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import math
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.search import (
  all_hosts,
  exact,
  exact_scores,
  masks,
  merge,
  row_sets,
)
from pinpoint_jax.search import vectors as vectors_lib

SEARCHES = ('exact', 'index')
# Approximate indices by segment name and channel, as gallery.indexes loads.
Indices = Mapping[tuple[str, str], Any]
# A region with at most this share of a segment's rows is scanned exactly.
_SCANNED_SHARE = 0.25
# Rows requested from an index beyond k, in k, before the exact scan takes over.
_DEEPER = 8


@dataclasses.dataclass(frozen=True)
class _Part:
  """One channel of one segment."""

  start: int
  vectors: vectors_lib.Vectors
  exact: exact.Exact | all_hosts.AllHosts
  index: Any  # An ann.Index, or None.

  @property
  def stop(self) -> int:
    return self.start + len(self.vectors)


class Searcher:
  """Searches an open gallery by image, by place and by raw feature."""

  def __init__(self, gallery: galleries.Gallery,
               indexed: Indices | None = None,
               engine: exact.Engine = 'auto', together: bool = False):
    """Segments without an index are searched exactly, by `engine`.

    together: with all processes, each its part of the rows; all must then
    search the same at once, and all get the answer.
    """
    self.gallery = gallery
    self._num_short = 0
    make = all_hosts.AllHosts if together else exact.Exact
    self._parts = {name: _parts(gallery, name, indexed or {},
                                functools.partial(make, engine=engine))
                   for name in types.CHANNELS}
    self._parts = {name: parts for name, parts in self._parts.items() if parts}

  @property
  def channels(self) -> tuple[str, ...]:
    """What this gallery can be searched by."""
    return tuple(self._parts)

  @property
  def num_scanned_again(self) -> int:
    """Searches so far that only a scan of all rows on the host could decide.

    An index found too few rows that may answer, or too many rows nearly tied
    for a device to tell them apart.
    """
    return self._num_short + sum(
        part.exact.num_scanned for parts in self._parts.values()
        for part in parts)

  def search(self, channel: str, queries: Float[np.ndarray, 'b d'], k: int,
             mask: masks.Mask | None = None) -> types.Candidates:
    """The k best rows of one channel, ties by id; -1 and -inf pad."""
    if channel not in self._parts:
      raise ValueError(f'channel {channel!r}: {self.gallery.path} has '
                       f'{self.channels}')
    mask = self._whole(mask, len(queries))
    return merge.merge([self._search_part(part, queries, k, mask)
                        for part in self._parts[channel]], k, self.gallery.ids)

  def lists(self, queries: shortlists.Queries, depths: Mapping[str, int],
            mask: masks.Mask | None = None) -> dict[str, types.Candidates]:
    """Each channel's best rows, as many as `depths` says."""
    return {name: self.search(name, queries.of(name), depth, mask)
            for name, depth in depths.items() if depth}

  def union(self, lists: Mapping[str, types.Candidates],
            queries: shortlists.Queries,
            sizes: shortlists.Sizes) -> types.Shortlist:
    """The shortlist of lists at least as long, scored under all channels."""
    return shortlists.build(shortlists.cut(lists, sizes), queries,
                            self.pair_scores, self.channels)

  def shortlist(self, queries: shortlists.Queries, sizes: shortlists.Sizes,
                mask: masks.Mask | None = None) -> types.Shortlist:
    """The union of what the searches propose, scored under all of them."""
    return self.union(self.lists(queries, sizes.by_channel(), mask), queries,
                      sizes)

  def pair_scores(self, channel: str, queries: Float[np.ndarray, 'b d'],
                  query: Int[np.ndarray, 'm'],
                  row: Int[np.ndarray, 'm']) -> Float[np.ndarray, 'm']:
    """Exact similarity of each pair (query[i], row[i])."""
    scores = np.empty(len(row), np.float32)
    for part in self._parts[channel]:
      at = (row >= part.start) & (row < part.stop)
      scores[at] = exact_scores.scores(queries, part.vectors, query[at],
                                       row[at] - part.start)
    return scores

  def _whole(self, mask: masks.Mask | None, num_queries: int) -> masks.Mask:
    """The mask, and the rows that the gallery has deleted."""
    mask = mask or masks.open_mask(num_queries)
    return dataclasses.replace(
        mask, removed=np.union1d(mask.removed, self.gallery.removed))

  def _search_part(self, part: _Part, queries: np.ndarray, k: int,
                   mask: masks.Mask) -> types.Candidates:
    mask = _within(mask, part)
    if part.index is None or _is_small(mask, part):
      nearest = _scan(part, queries, k, mask)
    else:
      nearest = self._look_up(part, queries, k, mask)
    return types.Candidates(
        np.where(nearest.rows < 0, -1, nearest.rows + part.start),
        nearest.scores)

  def _look_up(self, part: _Part, queries: np.ndarray, k: int,
               mask: masks.Mask) -> types.Candidates:
    filtered = mask.filter(
        part.index.search(queries, _depth(k, mask, part)), k)
    candidates = filtered.candidates
    # An index rounds its scores; merged and kept are exact ones.
    query, slot = np.nonzero(candidates.rows >= 0)
    candidates.scores[query, slot] = exact_scores.scores(
        queries, part.vectors, query, candidates.rows[query, slot])
    short = np.flatnonzero(filtered.short)
    if len(short) and len(part.vectors):
      self._num_short += len(short)
      again = _scan(part, queries[short], k, mask.take(short))
      candidates.rows[short], candidates.scores[short] = (
          again.rows, again.scores)
    return candidates


def open_searcher(gallery: galleries.Gallery, search: str,
                  together: bool = False) -> Searcher:
  """One that searches exactly, or by the gallery's indices.

  together: with all processes, see Searcher.
  """
  if search not in SEARCHES:
    raise ValueError(f'--config.search={search}: choices are {SEARCHES}')
  if search == 'exact':
    return Searcher(gallery, together=together)
  if together:
    raise ValueError('--config.search=index: an index is searched by one '
                     'process, which holds all of it; several processes '
                     'share --config.search=exact (docs/search.md)')
  from pinpoint_jax.gallery import indexes  # The engines are large.
  indices = indexes.load(gallery)
  if not indices:
    raise ValueError(f'--config.search=index: {gallery.path} has no index: '
                     f'build it with --config.index=scann, or take '
                     f'--config.search=exact')
  return Searcher(gallery, indices)


def _parts(gallery: galleries.Gallery, channel: str, indexed: Indices,
           make: Callable[[vectors_lib.Vectors], Any]) -> list[_Part]:
  parts = []
  for segment, start in zip(gallery.segments, gallery.offsets):
    vectors = segment.channel(channel)
    if vectors is not None:
      index = indexed.get((segment.name, channel))
      parts.append(_Part(int(start), vectors, make(vectors), index))
  return parts


def _scan(part: _Part, queries: np.ndarray, k: int,
          mask: masks.Mask) -> types.Candidates:
  allowed = None
  if mask.allowed is not None or len(mask.removed):
    allowed = mask.shared_rows(len(part.vectors))
  return part.exact.search(queries, k, mask.excluded, allowed)


def _is_small(mask: masks.Mask, part: _Part) -> bool:
  return (mask.allowed is not None
          and len(mask.allowed) <= _SCANNED_SHARE * len(part.vectors))


def _depth(k: int, mask: masks.Mask, part: _Part) -> int:
  """How many rows to ask for, so that k are mostly left under the mask."""
  most = int(np.diff(mask.excluded.offsets).max(initial=0))
  needed = k + min(most, _DEEPER * k)
  open_rows = len(part.vectors) - len(mask.removed)
  if mask.allowed is not None:
    open_rows = len(mask.allowed)
  share = max(open_rows, 1) / max(len(part.vectors), 1)
  # Twice as deep as rows spread evenly would need.
  deep = needed if share == 1 else math.ceil(2 * needed / share)
  return max(1, min(deep, len(part.vectors)))


def _within(mask: masks.Mask, part: _Part) -> masks.Mask:
  """The mask of a part's own rows, by their number in the part."""
  return masks.Mask(
      row_sets.within(mask.excluded, part.start, part.stop),
      _clip(mask.removed, part),
      None if mask.allowed is None else _clip(mask.allowed, part))


def _clip(rows: Int[np.ndarray, 'n'], part: _Part) -> Int[np.ndarray, 'm']:
  first, last = np.searchsorted(rows, (part.start, part.stop))
  return rows[first:last] - part.start
