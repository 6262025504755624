"""Approximate indices of a gallery's segments, kept beside it.

  index/SEGMENT/CHANNEL/   one for each channel of each large segment

A segment never changes, so its index stays good while others come and go.
Small segments need none: they are scanned.
"""

from collections.abc import Callable, Iterator
import dataclasses
import pathlib

from pinpoint_jax import types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, writer
from pinpoint_jax.search import ann, ann_engines, ann_files, ann_projected
from pinpoint_jax.search import vectors as vectors_lib

# Longer rows are found by a projection and decided in full.
_LONG = 2 * ann_projected.NUM_DIMS


@dataclasses.dataclass(frozen=True)
class Place:
  """Where the index of one channel of one segment lies, or would.

  Attributes:
    segment: name of the segment.
    channel: one of types.CHANNELS.
    folder: of the index.
    vectors: what it is made from.
    made: what its record must say.
  """

  segment: str
  channel: str
  folder: pathlib.Path
  vectors: vectors_lib.Vectors
  made: ann_files.IndexSource


def build(path: str | pathlib.Path, engine: str = 'scann',
          smallest: int = ann.BRUTE_BELOW,
          tell: Callable[[str], None] = print) -> int:
  """Builds what is missing for segments of `smallest` rows or more; how many.

  Stopped in any way, finished indices stay and the next run goes on.
  """
  made = 0
  with writer.writing(pathlib.Path(path)):
    for place in places(galleries.open_gallery(path), smallest):
      if place.folder.exists():
        continue
      tell(f'index of {place.channel}: {len(place.vectors):,} rows …')
      place.folder.parent.mkdir(parents=True, exist_ok=True)
      disk.remove_partials(place.folder)
      _build(place, engine).save(place.folder)
      made += 1
  return made


def load(gallery: galleries.Gallery) -> ann.Indices:
  """The indices that lie beside the gallery, each byte checked."""
  return {(place.segment, place.channel): _load(place)
          for place in places(gallery) if place.folder.exists()}


def save_effort(gallery: galleries.Gallery, place: Place,
                tuned: ann.Index) -> None:
  """Puts an index in the place of the same one with another effort."""
  with writer.writing(gallery.path):
    tuned.save(place.folder)


def verify(gallery: galleries.Gallery) -> int:
  """How many indices there are; refuses one that is damaged or a stranger."""
  there = [place for place in places(gallery) if place.folder.exists()]
  for place in there:
    ann_files.read(place.folder, place.made)
  return len(there)


def engine(gallery: galleries.Gallery) -> str:
  """The engine of the indices beside the gallery, '' without any."""
  for place in places(gallery):
    if place.folder.exists():
      inner = place.folder / 'inner'
      return ann_files.read(
          inner if inner.exists() else place.folder).engine
  return ''


def places(gallery: galleries.Gallery, smallest: int = 0) -> Iterator[Place]:
  """Where indices of segments with at least so many rows belong."""
  for segment in gallery.segments:
    for channel in types.CHANNELS:
      vectors = segment.channel(channel)
      if vectors is not None and len(segment) >= max(smallest, 1):
        folder = layout.derived(gallery.path, 'index', segment.name) / channel
        yield Place(segment.name, channel, folder, vectors,
                    ann_files.IndexSource(
            len(vectors), vectors.dim, _fingerprint(segment, channel)))


def _fingerprint(segment: galleries.Segment, channel: str) -> str:
  # The name is a hash of the segment's files.
  return f'{segment.name}/{channel}'


def _build(place: Place, engine: str) -> ann.Index:
  made = ann_engines.engine_class(engine)
  settings = ann.settings_for_rows(len(place.vectors))
  if place.vectors.dim < _LONG:
    return made.build(place.vectors, settings, place.made.fingerprint)
  matrix = ann_projected.fit(place.vectors)
  inner = made.build(ann_projected.project(place.vectors, matrix), settings,
                     place.made.fingerprint)
  return ann_projected.ProjectedIndex(
      inner, matrix, place.vectors, place.made.fingerprint)


def _load(place: Place) -> ann.Index:
  if place.vectors.dim < _LONG:
    return ann_engines.load(place.folder, place.made)
  return ann_projected.ProjectedIndex.load(
      place.folder, place.vectors, place.made.fingerprint, ann_engines.load)
