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

Source: TypeAlias = Literal['photo', 'street']
SOURCES: tuple[Source, ...] = ('photo', 'street')

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
    source: which of the two worlds the photos come from.
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
    """Sixteen hex digits that change with any id, place, author or order."""
    digest = hashlib.sha256(self.source.encode())
    for column in (self.ids, self.authors, self.sequences):
      digest.update('\n'.join(column).encode() + b'\0')
    digest.update(np.ascontiguousarray(self.latlng_deg).tobytes())
    return digest.hexdigest()[:16]

  @property
  def clusters(self) -> Strings:
    """What counts as one origin: author, else sequence, else the photo, [n].

    Used by leakage filters and by the clustered bootstrap.
    """
    prefixed = [
        f'a:{a}' if a else f's:{s}' if s else f'i:{i}'
        for a, s, i in zip(self.authors, self.sequences, self.ids)
    ]
    return np.asarray(prefixed, dtype=np.str_)


@dataclasses.dataclass(frozen=True)
class FeatureTable:
  """Photos with their features, row by row: float32 [n, d]."""

  photos: Photos
  features: Float[np.ndarray, 'n d']

  def fingerprint(self) -> str:
    """Sixteen hex digits that change with any id, place or feature."""
    digest = hashlib.sha256()
    digest.update('\n'.join(self.photos.ids).encode())
    digest.update(np.ascontiguousarray(self.photos.latlng_deg).tobytes())
    digest.update(np.ascontiguousarray(self.features).tobytes())
    return digest.hexdigest()[:16]


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
class Predictions:
  """One answer per query: ids [n] and places in degrees [n, 2]."""

  ids: Shaped[np.ndarray, 'n']
  latlng_deg: Float[np.ndarray, 'n 2']

  def __len__(self) -> int:
    return len(self.ids)
