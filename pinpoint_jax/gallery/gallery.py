"""The gallery: photos with known places, as vectors that stay on disk.

  row of the gallery = rows of the segments before + row in its segment

A segment holds the rows of one build or one addition, in the order of their
ids. Opening looks at the size of every file and maps it; a file is read, and
its bytes are verified, when it is first used. An open gallery goes on answering
when a writer replaces it.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import functools
import pathlib
from typing import Any

from jaxtyping import Float, Int, Shaped, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import sealed
from pinpoint_jax.gallery import layout
from pinpoint_jax.gallery.columns import Coded, Ids, join, lines
from pinpoint_jax.gallery.layout import BadGallery
from pinpoint_jax.models import embedder_files
from pinpoint_jax.search import vectors


@dataclasses.dataclass(frozen=True)
class Segment:
  """Part of a gallery.

  Attributes:
    name: a hash of its files.
    num_rows: how many it holds.
    files: each file by its name, memory-mapped; text as bytes.
  """

  name: str
  num_rows: int
  files: 'SegmentFiles'

  def __len__(self) -> int:
    return self.num_rows

  @functools.cached_property
  def ids(self) -> Ids:
    """Ids in order, still on disk."""
    return Ids(self.files[layout.IDS], self.files[layout.ID_OFFSETS])

  def coded(self, name: str) -> Coded:
    """One of the coded columns; one without files is unknown in each row."""
    if name not in layout.coded_columns(self.files.shapes):
      unknown = np.broadcast_to(np.asarray(-1, '<i4'), len(self))
      return Coded(unknown, np.zeros(0, np.str_))
    return Coded(self.files[layout.codes_file(name)],
                 lines(self.files[layout.names_file(name)]))

  def channel(self, name: str) -> vectors.Vectors | None:
    """Vectors that one of types.CHANNELS searches; None without raw."""
    file = self._channel_file(name)
    if file is None:
      return None
    scale = (self.files[layout.RAW_SCALE]
             if file == layout.RAW_FILES['int8'] else None)
    return vectors.Vectors(self.files[file], scale)

  def dim(self, channel: str) -> int:
    """Dimension of a channel's vectors; 0 without raw. No file is read."""
    file = self._channel_file(channel)
    return self.files.shapes[file][1][1] if file else 0

  def _channel_file(self, channel: str) -> str | None:
    choices = {'image': (layout.Z_IMAGE,), 'location': (layout.Z_LOCATION,),
               'raw': tuple(layout.RAW_FILES.values())}
    if channel not in choices:
      raise ValueError(f'channel {channel!r}: choices are {types.CHANNELS}')
    return next((x for x in choices[channel] if x in self.files.shapes), None)


class SegmentFiles(Mapping[str, np.ndarray]):
  """Files of a segment, mapped at once and each verified when first used.

  Attributes:
    shapes: dtype and shape of each file by its name.
  """

  def __init__(self, files: sealed.Files, manifest: Mapping[str, Any],
               segment: Mapping[str, Any]):
    """Maps the files of one of the manifest's segments."""
    arrays = layout.arrays(manifest, segment['rows'],
                           layout.coded_columns(segment['files']))
    self.shapes = {name: arrays.get(name, ('u1', (sums['bytes'],)))
                   for name, sums in segment['files'].items()}
    folder = f'{layout.SEGMENTS}/{segment["name"]}'
    self._mapped = {
        name: sealed.MappedFile(files, f'{folder}/{name}', *shape)
        for name, shape in self.shapes.items()}

  def __getitem__(self, name: str) -> np.ndarray:
    return self._mapped[name].array

  def __iter__(self) -> Iterator[str]:
    return iter(self._mapped)

  def __len__(self) -> int:
    return len(self._mapped)


@dataclasses.dataclass(frozen=True)
class Gallery:
  """An open gallery.

  Attributes:
    path: the folder.
    manifest: what manifest.json says.
    files: all files, by their names in the folder.
    segments: its rows, one segment after the other.
    removed: rows deleted, ascending: they may never be an answer.
  """

  path: pathlib.Path
  manifest: Mapping[str, Any]
  files: sealed.Files
  segments: tuple[Segment, ...]
  removed: Int[np.ndarray, 'r']

  def __len__(self) -> int:
    return self.manifest['rows']

  @property
  def num_live(self) -> int:
    """Rows that are not deleted."""
    return len(self) - len(self.removed)

  @functools.cached_property
  def offsets(self) -> Int[np.ndarray, 's_plus_1']:
    """Segment i holds the rows offsets[i] to offsets[i + 1]."""
    return np.cumsum([0, *map(len, self.segments)], dtype=np.int64)

  def fingerprint(self) -> str:
    """Content hash of all that can change an answer."""
    return layout.fingerprint(self.manifest)

  def rows_key(self) -> str:
    """Content hash of the rows, whichever of them are deleted."""
    return layout.rows_key(self.manifest)

  def channel(self, name: str) -> tuple[vectors.Vectors | None, ...]:
    """Vectors of each segment that one of types.CHANNELS searches."""
    return tuple(segment.channel(name) for segment in self.segments)

  @functools.cached_property
  def latlng_deg(self) -> Float[np.ndarray, 'g 2']:
    """Where each row is, float64 and exact to float32."""
    return self._column(layout.PLACES).astype(np.float64)

  @functools.cached_property
  def source(self) -> UInt8[np.ndarray, 'g']:
    """Place of each row's source in types.SOURCES."""
    return self._column(layout.SOURCE)

  @functools.cached_property
  def authors(self) -> Coded:
    """Who took each row."""
    return self._coded('author')

  @functools.cached_property
  def sequences(self) -> Coded:
    """The drive of each row."""
    return self._coded('sequence')

  @functools.cached_property
  def licences(self) -> Coded:
    """Under which each row may be shown."""
    return self._coded(layout.LICENCE)

  @functools.cached_property
  def countries(self) -> Coded:
    """ISO two-letter code of the city nearest to each row."""
    return self._coded('country')

  @functools.cached_property
  def admin1(self) -> Coded:
    """First level, as 'FR/Ile-de-France'."""
    return self._coded('admin1')

  @functools.cached_property
  def admin2(self) -> Coded:
    """Second level, as 'FR/Ile-de-France/Paris'."""
    return self._coded('admin2')

  def ids(self, rows: Int[np.ndarray, 'm']) -> types.Strings:
    """Ids of those rows."""
    ids = np.full(len(rows), '', object)
    for i, at, inside in blocks.by_part(self.offsets[1:], rows):
      ids[at] = self.segments[i].ids.take(inside)
    return ids.astype(np.str_)

  def find(self, ids: Shaped[np.ndarray, 'b']) -> Int[np.ndarray, 'b']:
    """Row of each id, deleted or not; -1 where there is none."""
    rows = np.full(len(ids), -1, np.int64)
    for segment, start in zip(self.segments, self.offsets):
      inside = segment.ids.find(ids)
      rows = np.where(inside >= 0, start + inside, rows)
    return rows

  def photos(self, rows: Int[np.ndarray, 'm']) -> types.Photos:
    """Who took those rows, where."""
    mode = self.manifest['mode']
    return types.Photos(
        self.ids(rows), self.latlng_deg[rows], self.authors.decode(rows),
        self.sequences.decode(rows), 'mixed' if mode == 'combined' else mode)

  def _column(self, file: str) -> np.ndarray:
    return np.concatenate([s.files[file] for s in self.segments])

  def _coded(self, name: str) -> Coded:
    return join([segment.coded(name) for segment in self.segments])


def open_gallery(path: str | pathlib.Path,
                 trained: embedder_files.Trained | None = None) -> Gallery:
  """Opens a gallery after a look at its manifest and every file's size.

  A file's bytes are verified when it is first used; `verify` reads all. With
  an embedder: refuses a gallery that another one made.
  """
  path = pathlib.Path(path)
  while True:
    manifest = layout.read_manifest(path)
    try:
      gallery = _open(path, manifest)
      break
    except (BadGallery, FileNotFoundError):
      # A writer may have swept what this manifest named.
      if layout.read_manifest(path) == manifest:
        raise
  if trained is not None:
    check_model(gallery, trained)
  return gallery


def check_model(gallery: Gallery, trained: embedder_files.Trained) -> None:
  """Refuses an embedder that did not make this gallery, naming both."""
  manifest, differences = gallery.manifest, []
  for source, about in manifest['inputs'].items():
    differences += input_differences(source, about,
                                     trained.inputs.get(source, {}))
  if manifest['embedder'] != trained.fingerprint or differences:
    unlike = '; '.join(differences) or 'trained on features made alike'
    raise BadGallery(
        f'{gallery.path} was built by embedder {manifest["embedder"]}, this is '
        f'embedder {trained.fingerprint} ({unlike}): use the model that built '
        f'it, or build it again')


def input_differences(source: str, expected: Mapping[str, Any],
                      actual: Mapping[str, Any]) -> list[str]:
  """What differs in the making of two sources' features."""
  return [f'{source} {name} {expected.get(name)!r} → {actual.get(name)!r}'
          for name in types.BACKBONE_KEYS
          if expected.get(name) != actual.get(name)]


def _open(path: pathlib.Path, manifest: Mapping[str, Any]) -> Gallery:
  files = layout.open_files(path, manifest)
  segments = tuple(
      Segment(x['name'], x['rows'], SegmentFiles(files, manifest, x))
      for x in manifest['segments'])
  return Gallery(path, manifest, files, segments, _removed(files, manifest))


def _removed(files: sealed.Files,
             manifest: Mapping[str, Any]) -> Int[np.ndarray, 'r']:
  if manifest['removed'] is None:
    return np.zeros(0, np.int64)
  name = manifest['removed']['file']
  rows = np.frombuffer(files.read(name), '<i8')
  if rows[0] < 0 or rows[-1] >= manifest['rows'] or (np.diff(rows) <= 0).any():
    raise BadGallery(f'{files.folder / name}: rows do not ascend from 0 to '
                     f'{manifest["rows"] - 1:,}; fetch the gallery again')
  return rows
