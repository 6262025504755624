"""How large a world is."""

from collections.abc import Mapping
import dataclasses
import types as pytypes


@dataclasses.dataclass(frozen=True)
class Size:
  """Counts that define a world.

  Attributes:
    num_places: cities where gallery and queries lie.
    num_landmarks: sights near those cities, of Zipf fame.
    num_backbone_places: further cities, for training a backbone.
    num_gallery: photos in each of the two galleries.
    num_queries: photos in each query split.
    num_rerank: photos for rerankers to learn from, of each source.
    num_backbone: photos in each of the two backbone splits.
  """

  num_places: int
  num_landmarks: int
  num_backbone_places: int
  num_gallery: int
  num_queries: int
  num_rerank: int
  num_backbone: int


SIZES: Mapping[str, Size] = pytypes.MappingProxyType({
    'tiny': Size(60, 40, 20, 400, 60, 120, 100),
    'demo': Size(2000, 2500, 1000, 12_000, 1000, 3000, 6000),
})


def size(name: str) -> Size:
  """The size of that name; the error lists the choices."""
  if name not in SIZES:
    raise ValueError(f'world size {name!r}: choices are {sorted(SIZES)}')
  return SIZES[name]
