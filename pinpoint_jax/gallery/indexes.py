"""Approximate indices of a gallery's segments, in its folder.

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
from pinpoint_jax.gallery import layout
from pinpoint_jax.search import ann, ann_engines, ann_files, ann_projected
from pinpoint_jax.search import vectors as vectors_lib

# Longer rows are found by a projection and decided in full.
_LONG = 2 * ann_projected.NUM_DIMS


@dataclasses.dataclass(frozen=True)
class Place:
  """Where the index of one channel of one segment lies, or would.

  Attributes:
    segment: whose rows it finds.
    channel: one of types.CHANNELS.
    folder: of the index.
  """

  segment: galleries.Segment
  channel: str
  folder: pathlib.Path

  @property
  def vectors(self) -> vectors_lib.Vectors:
    """What the index is made from."""
    return self.segment.channel(self.channel)

  @property
  def dim(self) -> int:
    """Dimension of the vectors."""
    return self.segment.dim(self.channel)

  @property
  def source(self) -> ann_files.IndexSource:
    """What the index's record must say; a segment's name is a hash."""
    return ann_files.IndexSource(
        len(self.segment), self.dim, f'{self.segment.name}/{self.channel}')


def build(path: str | pathlib.Path, engine: str = 'scann',
          smallest: int = ann.BRUTE_BELOW,
          report_fn: Callable[[str], None] = print) -> int:
  """Builds what is missing for segments of `smallest` rows or more; how many.

  Stopped in any way, finished indices stay and the next run goes on.
  """
  num_built = 0
  with layout.writing(pathlib.Path(path)):
    for place in places(galleries.open_gallery(path), smallest):
      if place.folder.exists():
        continue
      report_fn(f'index of {place.channel}: {len(place.segment):,} rows …')
      place.folder.parent.mkdir(parents=True, exist_ok=True)
      disk.remove_partials(place.folder)
      build_one(place, engine).save(place.folder)
      num_built += 1
  return num_built


def load(gallery: galleries.Gallery) -> ann.Indices:
  """The gallery's indices, each byte verified."""
  return {(place.segment.name, place.channel): _load(place)
          for place in places(gallery) if place.folder.exists()}


def replace(gallery: galleries.Gallery, place: Place,
            tuned: ann.Index) -> None:
  """Puts an index in the place of another one of the same rows."""
  with layout.writing(gallery.path):
    tuned.save(place.folder)


def verify(gallery: galleries.Gallery) -> int:
  """How many indices there are; refuses damaged and foreign ones."""
  there = [place for place in places(gallery) if place.folder.exists()]
  for place in there:
    ann_files.read(place.folder, place.source, read_all=True)
  return len(there)


def engine(gallery: galleries.Gallery) -> str:
  """The engine of the gallery's indices, '' without any."""
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
      if segment.dim(channel) and len(segment) >= max(smallest, 1):
        folder = layout.derived(gallery.path, 'index', segment.name) / channel
        yield Place(segment, channel, folder)


def build_one(place: Place, engine: str) -> ann.Index:
  """The index of one channel of one segment, in memory."""
  index_class = ann_engines.engine_class(engine)
  settings = ann.settings_for_rows(len(place.segment))
  if place.dim < _LONG:
    return index_class.build(place.vectors, settings, place.source.fingerprint)
  matrix = ann_projected.fit(place.vectors)
  inner = index_class.build(
      ann_projected.project(place.vectors, matrix), settings,
      place.source.fingerprint)
  return ann_projected.ProjectedIndex(
      inner, matrix, place.vectors, place.source.fingerprint)


def _load(place: Place) -> ann.Index:
  if place.dim < _LONG:
    return ann_engines.load(place.folder, place.source)
  return ann_projected.ProjectedIndex.load(
      place.folder, place.vectors, place.source.fingerprint, ann_engines.load)
