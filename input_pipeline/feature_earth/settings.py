"""What a world is made of: its cues, its habits, its variants and sizes.

Every number that was calibrated is here; docs/synthetic_earth.md has the table
of what was calibrated to what.
"""

from collections.abc import Mapping
import dataclasses
import types as pytypes
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Cue:
  """One kind of evidence of a place.

  Attributes:
    name: what it is.
    num_dims: numbers it takes.
    scale: the distance in km over which it changes, or what it belongs to.
    strength: of a cue that is shown, per number.
    shown_photo, shown_street: how often a picture shows it.
  """

  name: str
  num_dims: int
  scale: float | int | Literal['country', 'town', 'sight']
  strength: float
  shown_photo: float
  shown_street: float


CUES = (
    Cue('climate', 6, 5000, 1.5, 0.90, 0.95),
    Cue('vegetation', 6, 1500, 1.3, 0.70, 0.80),
    Cue('soil', 6, 500, 1.2, 0.60, 0.60),
    Cue('script', 6, 'country', 1.5, 0.40, 0.30),
    Cue('plates', 6, 'country', 0.9, 0.10, 0.25),
    Cue('roads', 6, 'country', 1.0, 0.20, 0.60),
    Cue('architecture', 8, 400, 1.6, 0.80, 0.40),
    Cue('skyline', 6, 60, 0.9, 0.25, 0.40),
    Cue('town', 12, 'town', 1.3, 0.50, 0.30),
    Cue('quarter', 8, 12, 1.1, 0.35, 0.30),
    Cue('corner', 8, 3, 1.0, 0.25, 0.25),
    Cue('sight', 16, 'sight', 1.45, 0.60, 0.25),
)
SIGHT = len(CUES) - 1  # The last, which a place has only at a sight.


@dataclasses.dataclass(frozen=True)
class Settings:
  """Habits of those who take pictures, and what else is in a picture.

  Attributes:
    galleries: the sources that have one.
    town_factor: towns for each one that the size names.
    at_sight, in_city: shares of visits; the others are off the beaten track.
    same_visit: share of known queries taken on a visit that is in the gallery.
    wrong_tags: share of gallery photos placed in some other town.
    blind: share of photos that show no cue.
    shared: share of a cue's variance in directions that both sources have.
    content_photo, content_street: what says nothing of the place: standard
      deviation of each of its NUM_CONTENT numbers.
    burst: share of the content's variance that photos of a visit share.
    camera, noise: standard deviation per dimension; a camera belongs to an
      author or a drive.
  """

  galleries: tuple[str, ...] = ('photo', 'street')
  town_factor: float = 1.0
  at_sight: float = 0.50
  in_city: float = 0.30
  same_visit: float = 0.62
  wrong_tags: float = 0.04
  blind: float = 0.29
  shared: float = 0.75
  content_photo: float = 0.82
  content_street: float = 1.10
  burst: float = 0.58
  camera: float = 0.186
  noise: float = 0.35


NUM_CONTENT = 40

# The last two are the default world, row by row, without one of its galleries.
VARIANTS: Mapping[str, Settings] = pytypes.MappingProxyType({
    'default': Settings(),
    'sparse': Settings(town_factor=2.4, at_sight=0.40),
    'photo_only': Settings(galleries=('photo',)),
    'street_only': Settings(galleries=('street',)),
})


@dataclasses.dataclass(frozen=True)
class Size:
  """How large a world is.

  Attributes:
    num_towns: towns that street views cover.
    num_sights: sights in those towns, of Zipf fame.
    num_photos, num_street: rows of the two galleries.
    num_rerank: training examples for rerankers, of each source.
    num_queries: queries in each set.
    dim: dimension of a feature.
  """

  num_towns: int
  num_sights: int
  num_photos: int
  num_street: int
  num_rerank: int
  num_queries: int
  dim: int = 128

  def __post_init__(self):
    for name, count in dataclasses.asdict(self).items():
      if count < 1:
        raise ValueError(f'world size: {name} is {count}; must be at least 1')


SIZES: Mapping[str, Size] = pytypes.MappingProxyType({
    'tiny': Size(60, 40, 300, 600, 150, 60),
    'small': Size(625, 625, 6000, 24_000, 2000, 2000),  # A quarter of demo.
    'demo': Size(2500, 2500, 24_000, 96_000, 12_000, 3000),
    'full': Size(2500, 2500, 24_000, 96_000, 48_000, 10_000),
})
