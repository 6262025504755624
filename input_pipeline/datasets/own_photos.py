"""A person's photos, wherever they lie: placed by EXIF, told apart by day.

  words ─▶ files ─▶ one look at each header ─▶ tagged    ─▶ a gallery
                    (kept: size, time)       ├▶ untagged  ─▶ to be answered
                                             └▶ left out, each with its reason

Nobody's name is read. Photos of one day have one `sequence`, for a day is what
an honest test leaves out: photos of a walk show each other's places. Where the
camera wrote no date the folder takes its place. The camera is not kept, not
even as a hash: few enough exist to guess it, and two cameras of one day belong
together.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
import dataclasses
import functools
import os
import pathlib

from input_pipeline import photo_paths, sources
from input_pipeline.datasets import file_photos
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.images import decode
import xxhash

HEIC = 'HEIC'
LICENCE = 'own'
# A disk answers several requests at once.
_THREADS = 4
# Files after which what is known so far is kept.
_SAVE_EVERY = 1000


@dataclasses.dataclass(frozen=True)
class Facts:
  """What one file says.

  Attributes:
    stamp: its size and time of change: while they stay it is not read again.
    digest: of its bytes.
    latlng_deg: where it was taken; None where it does not say.
    day: when; '' where it does not say.
    reason: why it cannot be used, one word; '' where it can.
    text: the same as a sentence.
  """

  stamp: tuple[int, int]
  digest: str = ''
  latlng_deg: tuple[float, float] | None = None
  day: str = ''
  reason: str = ''
  text: str = ''


@dataclasses.dataclass(frozen=True)
class Tagged:
  """A photo of known place; `id` is its path from the root of the disk."""

  id: str
  source: types.Source
  digest: str
  latlng_deg: tuple[float, float]
  origin: str


def _read(photo: Tagged) -> bytes:
  return read(photo.id, photo.digest)


@dataclasses.dataclass(frozen=True)
class Scan:
  """All files that were named, sorted into what they are good for.

  Attributes:
    tagged: of known place, by id, each content once.
    untagged: paths of those without a place.
    refused: files that give no picture.
    left_out: how many were left out for other reasons.
    num_undated: tagged photos whose folder is taken for their day.
    reader: gives the bytes of a tagged photo.
    licence: under which the photos may be shown.
  """

  tagged: tuple[Tagged, ...]
  untagged: tuple[str, ...]
  refused: tuple[file_photos.Quarantined, ...]
  left_out: Mapping[str, int]
  num_undated: int
  reader: Callable[[Tagged], bytes] = dataclasses.field(
      default=_read, repr=False)
  licence: str = LICENCE

  def pictures(self, tagged: Sequence[Tagged]) -> 'OwnPhotos':
    """Some of the tagged photos, or of an earlier scan, as pictures."""
    return OwnPhotos(tuple(tagged), reader=self.reader)


def of_data_set(source: sources.PhotoSource, licence: str) -> Scan:
  """A data set, all of whose photos have a place, as if it had been scanned.

  Who took a photo is what a day is of one's own: the sequence, or the author,
  or nobody else.
  """
  photos, stamp = source.photos, source.photos.fingerprint()
  origins = np.where(photos.sequences != '', photos.sequences, np.where(
      photos.authors != '', photos.authors, photos.ids))
  tagged = sorted((
      Tagged(name, photos.source, f'{stamp}/{name}', tuple(place), origin)
      for name, place, origin in zip(
          photos.ids.tolist(), photos.latlng_deg.tolist(), origins.tolist())),
                  key=lambda photo: photo.id)
  return Scan(tuple(tagged), (), (), {}, 0, _Rows(source), licence)


@dataclasses.dataclass(frozen=True)
class _Rows:
  """Reads photos of a data set by their ids."""

  source: sources.PhotoSource

  def __call__(self, photo: Tagged) -> bytes:
    row = self._rows.get(photo.id)
    if row is None:
      raise decode.BadImage('changed', f'{photo.id!r} is no photo of the data '
                            f'set any more')
    return self.source.read(row)

  @functools.cached_property
  def _rows(self) -> dict[str, int]:
    return {name: i for i, name in enumerate(self.source.photos.ids.tolist())}


def scan(words: Sequence[str], streets: Sequence[str],
         known: Mapping[str, Facts],
         keep: Callable[[Mapping[str, Facts]], None]) -> Scan:
  """Looks at the photos that the words name.

  streets: folders or files of street views, also where words name them too.
  known: facts of before by path; while its stamp stays no file is read again.
  keep: called with all facts, now and then and at the end, if there are others.
  """
  left_out: Counter[str] = Counter()
  sources: dict[str, types.Source] = {}
  for source, named in (('photo', words), ('street', streets)):
    listing = photo_paths.listed(named)
    left_out.update(listing.left_out)
    for path in listing.paths:
      sources[os.path.abspath(path)] = source
  return _sorted(sources, _facts(sorted(sources), known, keep), left_out)


def read(path: str, digest: str) -> bytes:
  """The bytes of a photo; refuses those of another one in its place."""
  data = _bytes(path)
  if xxhash.xxh3_128_hexdigest(data) != digest:
    raise decode.BadImage('changed', f'{path!r} was changed meanwhile')
  return data


def _sorted(sources: Mapping[str, types.Source], facts: Mapping[str, Facts],
            left_out: Counter[str]) -> Scan:
  tagged, untagged, refused, seen, undated = [], [], [], {}, 0
  for path, fact in facts.items():
    if fact.reason:
      refused.append(file_photos.Quarantined(path, fact.reason, fact.text))
    elif seen.setdefault(fact.digest, path) != path:
      left_out['the same bytes as another'] += 1
    elif fact.latlng_deg is None:
      untagged.append(path)
    else:
      undated += not fact.day
      tagged.append(Tagged(path, sources[path], fact.digest, fact.latlng_deg,
                           fact.day or os.path.dirname(path)))
  return Scan(tuple(tagged), tuple(untagged), tuple(refused), dict(left_out),
              undated)


def _facts(paths: Sequence[str], known: Mapping[str, Facts],
           keep: Callable[[Mapping[str, Facts]], None]) -> dict[str, Facts]:
  """Facts of all paths; those that are known and unchanged are not read."""
  facts = {path: known[path] for path in paths
           if path in known and known[path].stamp == _stamp(path)}
  unread = [path for path in paths if path not in facts]
  with futures.ThreadPoolExecutor(_THREADS) as pool:
    for number, (path, fact) in enumerate(
        zip(unread, pool.map(_fact, unread)), 1):
      facts[path] = fact
      if number % _SAVE_EVERY == 0 or number == len(unread):
        keep(facts)
  if not unread and facts.keys() != known.keys():
    keep(facts)  # Nothing is kept of photos that have gone.
  return {path: facts[path] for path in paths}


def _stamp(path: str) -> tuple[int, int]:
  try:
    status = os.stat(path)
  except OSError:
    return (-1, -1)
  return (status.st_size, status.st_mtime_ns)


def _fact(path: str) -> Facts:
  stamp = _stamp(path)
  try:
    if path.splitlines() != [path] or not _is_text(path):
      raise decode.BadImage('file_name', f'{path!r} is no line of UTF-8 text; '
                            f'rename it')
    data = _bytes(path)
    frame = decode.header(data)
    place = decode.exif_latlng_deg(frame)
    # (0, 0) is what a failed geotag says.
    return Facts(stamp, xxhash.xxh3_128_hexdigest(data),
                 tuple(place.tolist()) if place is not None and place.any()
                 else None, decode.exif_day(frame))
  except decode.BadImage as error:
    reason = HEIC if 'HEIC' in str(error) else error.reason
    return Facts(stamp, reason=reason, text=str(error))


def _bytes(path: str) -> bytes:
  try:
    return file_photos.read_file(
        pathlib.Path(path).parent, os.path.basename(path))
  except OSError as error:
    raise decode.BadImage('unreadable', f'{path!r}: {error.strerror}'
                          ) from error


def _is_text(path: str) -> bool:
  try:
    path.encode()
  except UnicodeEncodeError:
    return False
  return True


@dataclasses.dataclass(frozen=True)
class OwnPhotos:
  """Tagged photos of one source as a source of pictures.

  Attributes:
    tagged: the photos.
    notes: what a user should know.
    reader: gives the bytes of one.
  """

  tagged: tuple[Tagged, ...]
  notes: tuple[str, ...] = ()
  reader: Callable[[Tagged], bytes] = dataclasses.field(
      default=_read, repr=False)

  @property
  def photos(self) -> types.Photos:
    """The table: no author, the day as the sequence."""
    text = lambda values: np.asarray(list(values), np.str_)
    return types.Photos(
        text(photo.id for photo in self.tagged),
        np.asarray([photo.latlng_deg for photo in self.tagged], np.float64),
        np.full(len(self.tagged), '', np.str_),
        text(photo.origin for photo in self.tagged), self.tagged[0].source)

  def read(self, row: int) -> bytes:
    """The bytes of the photo in that row."""
    return self.reader(self.tagged[row])
