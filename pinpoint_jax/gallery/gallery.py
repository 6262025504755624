"""The gallery: photos with known places, as vectors that stay on disk.

  row of the gallery = rows of the segments before + row in its segment

A segment holds the rows of one build or one addition, in the order of their
ids. Opening looks at the size of every file and maps it; nothing is read before
it is asked for, and an open gallery goes on answering when a writer replaces
it.
"""

from collections.abc import Mapping
import dataclasses
import functools
import pathlib
from typing import Any

from jaxtyping import Float, Int, Shaped, UInt8
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import layout
from pinpoint_jax.gallery import layout as files
from pinpoint_jax.gallery.columns import Coded, Ids, join, lines
from pinpoint_jax.gallery.layout import BadGallery
from pinpoint_jax.models import embedder_files
from pinpoint_jax.search import vectors


@dataclasses.dataclass(frozen=True)
class Segment:
  """Part of a gallery.

  Attributes:
    name: a hash of its files.
    files: each file by its name, memory-mapped; text as bytes.
  """

  name: str
  files: Mapping[str, np.ndarray]

  def __len__(self) -> int:
    return len(self.files[files.SOURCE])

  @functools.cached_property
  def ids(self) -> Ids:
    """Ids in order, still on disk."""
    return Ids(self.files[files.IDS], self.files[files.ID_OFFSETS])

  def coded(self, name: str) -> Coded:
    """One of the coded columns."""
    return Coded(self.files[files.codes_file(name)],
                 lines(self.files[files.names_file(name)]))

  def channel(self, name: str) -> vectors.Vectors | None:
    """Vectors that one of types.CHANNELS searches; None without raw."""
    found = {'image': files.Z_IMAGE, 'location': files.Z_LOCATION}
    if name in found:
      return vectors.Vectors(self.files[found[name]])
    if name != 'raw':
      raise ValueError(f'channel {name!r}: choices are {types.CHANNELS}')
    for file in files.RAW_FILES.values():
      if file in self.files:
        return vectors.Vectors(self.files[file],
                               self.files.get(files.RAW_SCALE))
    return None


def open_segment(path: pathlib.Path, manifest: Mapping[str, Any],
                 about: Mapping[str, Any]) -> Segment:
  """Maps the files of a segment of the gallery at `path`."""
  folder = path / files.SEGMENTS / about['name']
  arrays = files.arrays(manifest, about['rows'])
  return Segment(about['name'], {
      name: _map(folder / name, *arrays.get(name, ('u1', (facts['bytes'],))))
      for name, facts in about['files'].items()})


def _map(path: pathlib.Path, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
  if 0 in shape:
    return np.zeros(shape, dtype)
  return np.memmap(path, dtype, 'r', shape=shape)


@dataclasses.dataclass(frozen=True)
class Gallery:
  """An open gallery.

  Attributes:
    path: the folder.
    manifest: what manifest.json says.
    segments: its rows, one segment after the other.
    removed: rows deleted, ascending: they may never be an answer.
  """

  path: pathlib.Path
  manifest: Mapping[str, Any]
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
    """Content hash of the rows, not with what is taken
    down: what was made of all rows stays good."""
    return layout.rows_key(self.manifest)

  def is_current(self) -> bool:
    """Whether the folder still holds what was opened."""
    return layout.read_manifest(self.path) == self.manifest

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

  @functools.cached_property
  def clusters(self) -> Int[np.ndarray, 'g']:
    """Number of each row's origin, by the rule of types.Photos.clusters."""
    own = self._num_names + np.arange(len(self))
    sequence = self.sequences.codes.astype(np.int64)
    drive = np.where(sequence >= 0, len(self.authors.names) + sequence, own)
    return np.where(self.authors.codes >= 0, self.authors.codes, drive)

  def clusters_of(self, photos: types.Photos) -> Int[np.ndarray, 'b']:
    """The same number for other photos; -1 where no row has their origin."""
    drive = self.sequences.find(photos.sequences)
    rows = self.find(photos.ids)
    alone = (rows >= 0) & (self.clusters[rows] == self._num_names + rows
                           if len(self) else False)
    return np.select(
        [photos.authors != '', photos.sequences != '', alone],
        [self.authors.find(photos.authors),
         np.where(drive >= 0, len(self.authors.names) + drive, -1),
         self._num_names + rows], -1)

  def ids(self, rows: Int[np.ndarray, 'm']) -> types.Strings:
    """Ids of those rows."""
    found = np.full(len(rows), '', object)
    which = np.searchsorted(self.offsets, rows, 'right') - 1
    for i in np.unique(which):
      at = which == i
      found[at] = self.segments[i].ids.take(rows[at] - self.offsets[i])
    return found.astype(np.str_)

  def find(self, ids: Shaped[np.ndarray, 'b']) -> Int[np.ndarray, 'b']:
    """Row of each id, deleted or not; -1 where there is none."""
    rows = np.full(len(ids), -1, np.int64)
    for segment, start in zip(self.segments, self.offsets):
      found = segment.ids.find(ids)
      rows = np.where(found >= 0, start + found, rows)
    return rows

  def photos(self, rows: Int[np.ndarray, 'm']) -> types.Photos:
    """Who took those rows, where."""
    mode = self.manifest['mode']
    return types.Photos(
        self.ids(rows), self.latlng_deg[rows], self.authors.decode(rows),
        self.sequences.decode(rows), 'mixed' if mode == 'combined' else mode)

  @property
  def _num_names(self) -> int:
    return len(self.authors.names) + len(self.sequences.names)

  def _column(self, file: str) -> np.ndarray:
    return np.concatenate([s.files[file] for s in self.segments])

  def _coded(self, name: str) -> Coded:
    return join([segment.coded(name) for segment in self.segments])


def open_gallery(path: str | pathlib.Path,
                 trained: embedder_files.Trained | None = None) -> Gallery:
  """Opens a gallery after a look at every file's size; `verify` reads all.

  With an embedder: refuses a gallery that another one made.
  """
  path = pathlib.Path(path)
  while True:
    manifest = layout.read_manifest(path)
    try:
      found = _open(path, manifest)
      break
    except (BadGallery, FileNotFoundError):
      # A writer may have swept what this manifest named.
      if layout.read_manifest(path) == manifest:
        raise
  if trained is not None:
    check_model(found, trained)
  return found


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
                      found: Mapping[str, Any]) -> list[str]:
  """What differs in the making of two sources' features."""
  return [f'{source} {name} {expected.get(name)!r} → {found.get(name)!r}'
          for name in layout.INPUTS if expected.get(name) != found.get(name)]


def _open(path: pathlib.Path, manifest: Mapping[str, Any]) -> Gallery:
  problems = layout.size_problems(path, manifest)
  if problems:
    raise BadGallery(f'{path}: {"; ".join(problems)}. Build it again, or fetch '
                     f'it again')
  segments = tuple(
      open_segment(path, manifest, x) for x in manifest['segments'])
  return Gallery(path, manifest, segments, _removed(path, manifest))


def _removed(path: pathlib.Path,
             manifest: Mapping[str, Any]) -> Int[np.ndarray, 'r']:
  if manifest['removed'] is None:
    return np.zeros(0, np.int64)
  file = path / manifest['removed']['file']
  rows = np.fromfile(file, '<i8')
  if rows[0] < 0 or rows[-1] >= manifest['rows'] or (np.diff(rows) <= 0).any():
    raise BadGallery(f'{file}: rows do not ascend from 0 to '
                     f'{manifest["rows"] - 1:,}; fetch the gallery again')
  return rows
