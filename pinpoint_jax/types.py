"""Records that the stages hand each other, and the axis letters they use.

Axes: b batch, k candidates, n tokens or rows, d features, g gallery rows.

  images -> features -> embedder -> gallery -> candidates -> reranker
         -> prediction -> metrics -> report
"""

import dataclasses
import hashlib
from typing import Literal, TypeAlias

from jaxtyping import Float, Int, Shaped, UInt8
import numpy as np

Source: TypeAlias = Literal['photo', 'street', 'mixed']
SOURCES: tuple[Source, ...] = ('photo', 'street')
# The three ways to find a gallery row for a photo.
CHANNELS = ('image', 'location', 'raw')
# What makes a feature: rows that differ in one of these cannot be compared.
BACKBONE_KEYS = ('backbone', 'weight_hash', 'preprocess', 'dim')

LatLng: TypeAlias = Float[np.ndarray, '... 2']
Image: TypeAlias = UInt8[np.ndarray, 'h w 3']
Strings: TypeAlias = np.ndarray  # dtype str (kind 'U'), one axis.


@dataclasses.dataclass(frozen=True)
class Photos:
  """A table of photos: who took what, where. '' means unknown.

  Attributes:
    ids: unique identifiers, [n].
    latlng_deg: where each photo was taken, float64 [n, 2].
    authors: photographer of each photo, [n].
    sequences: capture sequence (street view drive) of each photo, [n].
    source: which of the two worlds the photos come from; 'mixed' where a
      table holds both.
  """

  ids: Shaped[np.ndarray, 'n']
  latlng_deg: Float[np.ndarray, 'n 2']
  authors: Shaped[np.ndarray, 'n']
  sequences: Shaped[np.ndarray, 'n']
  source: Source

  def __len__(self) -> int:
    return len(self.ids)

  def take(self, rows: np.ndarray) -> 'Photos':
    """The photos at `rows` (indices or mask), in that order."""
    return Photos(
        self.ids[rows], self.latlng_deg[rows], self.authors[rows],
        self.sequences[rows], self.source)

  def fingerprint(self) -> str:
    """Content hash of any id, place, author or order."""
    digest = hashlib.sha256(self.source.encode())
    for column in (self.ids, self.authors, self.sequences):
      digest.update('\n'.join(column).encode() + b'\0')
    digest.update(np.ascontiguousarray(self.latlng_deg).tobytes())
    return digest.hexdigest()[:16]

  @property
  def clusters(self) -> Strings:
    """What counts as one origin, [n]: rows linked by author or by sequence.

    Connected components, named after their first author, else their first
    sequence, else the photo: whatever is divided by them, a fold or a
    resample, shares no author and no sequence with the rest. Filters need no
    links of links: they hide what shares either with the query itself.
    """
    from scipy import sparse  # Most who import this module need no graph.
    rows, links, names = np.arange(len(self)), [], [np.strings.add('i:',
                                                                    self.ids)]
    end = len(self)
    for prefix, column in (('s:', self.sequences), ('a:', self.authors)):
      distinct, code = np.unique(column, return_inverse=True)
      links.append(np.stack([rows, end + code])[:, column != ''])
      names.append(np.strings.add(prefix, distinct))
      end += len(distinct)
    edges = np.concatenate(links, axis=1)
    graph = sparse.coo_array((np.ones(edges.shape[1], bool), edges),
                             shape=(end, end))
    labels = sparse.csgraph.connected_components(graph, directed=False)[1]
    named = np.full(labels.max(initial=-1) + 1, '', object)
    start = 0
    for some in names:  # The last one written counts: the first author.
      named[labels[start:start + len(some)][::-1]] = some[::-1]
      start += len(some)
    return named[labels[:len(self)]].astype(np.str_)


@dataclasses.dataclass(frozen=True)
class Candidates:
  """Gallery rows proposed for each query, best first.

  Attributes:
    rows: row of the gallery, -1 where fewer than k exist, [b, k].
    scores: similarity, -inf where the row is -1, [b, k].
  """

  rows: Int[np.ndarray, 'b k']
  scores: Float[np.ndarray, 'b k']


@dataclasses.dataclass(frozen=True)
class RowSets:
  """A set of gallery rows for each query, one set after the other.

  Attributes:
    rows: rows of the gallery, ascending within a query, int64 [m].
    offsets: query i owns rows[offsets[i]:offsets[i + 1]], int64 [b + 1].
  """

  rows: Int[np.ndarray, 'm']
  offsets: Int[np.ndarray, 'b_plus_1']

  def __len__(self) -> int:
    return len(self.offsets) - 1

  def of(self, query: int) -> Int[np.ndarray, 'm_of_query']:
    """Rows of query number `query`, ascending."""
    return self.rows[self.offsets[query]:self.offsets[query + 1]]


@dataclasses.dataclass(frozen=True)
class Shortlist:
  """Candidates of all channels, each row once, and who proposed it.

  Attributes:
    rows: row of the gallery, -1 in padded slots, which come last, [b, k].
    ranks: place in each of CHANNELS' lists from 0, -1 where that channel did
      not propose the row, [b, k, 3].
    similarities: cosine under each of CHANNELS whether it proposed the row or
      not, -inf in padded slots, 0 for a channel the gallery lacks, [b, k, 3].
  """

  rows: Int[np.ndarray, 'b k']
  ranks: Int[np.ndarray, 'b k 3']
  similarities: Float[np.ndarray, 'b k 3']


@dataclasses.dataclass(frozen=True)
class Predictions:
  """One answer per query: ids [n] and places in degrees [n, 2]."""

  ids: Shaped[np.ndarray, 'n']
  latlng_deg: Float[np.ndarray, 'n 2']

  def __len__(self) -> int:
    return len(self.ids)
