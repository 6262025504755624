"""A folder of one's own photos, placed by their EXIF GPS.

What cannot be used is listed with its reason rather than dropped in silence.
Only regular files are opened: no link is followed, so nothing outside the
folder is ever read.
"""

from collections import Counter
from collections.abc import Iterator
import dataclasses
import hashlib
import os
import pathlib

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords
from pinpoint_jax.images import decode

EXTENSIONS = ('.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.tif',
              '.tiff', '.avif', '.heic', '.heif')
MAX_FILE_BYTES = 256 << 20
# Left out without being anybody's failure: the photo itself is in the table.
_REPEATS = ('duplicate', 'link_inside')


class BadFolder(ValueError):
  """A folder that gives too few photos, and why."""


@dataclasses.dataclass(frozen=True)
class Quarantined:
  """One file left out: path below the folder, one-word reason, the details.

  Reasons are those of `decode.BadImage` and no_gps, null_island, unreadable,
  not_a_file, file_name, link_outside, link_inside, duplicate.
  """

  path: str
  reason: str
  text: str


@dataclasses.dataclass(frozen=True)
class FolderPhotos:
  """A folder as photos.

  Attributes:
    root: the folder.
    photos: ids are paths below `root` with '/', sorted.
    quarantine: every picture file that is not among the photos, sorted.
  """

  root: pathlib.Path
  photos: types.Photos
  quarantine: tuple[Quarantined, ...]

  @property
  def notes(self) -> tuple[str, ...]:
    """How many files were left out, by reason."""
    reasons = Counter(q.reason for q in self.quarantine)
    return tuple(f'{self.root}: {count} files left out: {reason}'
                 for reason, count in sorted(reasons.items()))

  def read(self, row: int) -> bytes:
    """The bytes of the photo in that row, as they lie in the folder."""
    return (self.root / str(self.photos.ids[row])).read_bytes()


def read_folder(root: str | pathlib.Path, source: types.Source = 'photo',
                max_failed_share: float | int = 0.5) -> FolderPhotos:
  """Photos below `root` that decode and hold GPS; the rest in quarantine.

  Raises BadFolder if more than `max_failed_share` of the picture files fail
  or none is left. Of files with the same bytes the first by path is kept.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise BadFolder(f'{root} is no folder')
  if not 0 <= max_failed_share <= 1:
    raise ValueError(f'max_failed_share={max_failed_share}: must be in [0, 1]')
  places: dict[str, np.ndarray] = {}
  quarantine, seen = [], {}
  for name in sorted(_picture_files(root)):
    try:
      places[name] = _place(root, name, seen)
    except _Left as left:
      quarantine.append(Quarantined(name, left.reason, str(left)))
  _check_share(root, len(places), quarantine, max_failed_share)
  latlng_deg = np.stack(list(places.values()))
  coords.check_latlng_deg(latlng_deg, str(root))
  unknown = np.full(len(places), '', np.str_)
  photos = types.Photos(np.asarray(list(places), np.str_), latlng_deg, unknown,
                        unknown, source)
  return FolderPhotos(root, photos, tuple(quarantine))


class _Left(Exception):
  """A file is left out."""

  def __init__(self, reason: str, text: str):
    super().__init__(text)
    self.reason = reason


def _picture_files(root: pathlib.Path) -> Iterator[str]:
  """Paths of picture files and of links to folders, hidden ones left out."""
  for folder, folders, files in os.walk(root, followlinks=False):
    folders[:] = [name for name in folders if not name.startswith('.')]
    base = pathlib.Path(folder)
    links = [name for name in folders if (base / name).is_symlink()]
    pictures = [name for name in files if not name.startswith('.')
                and name.lower().endswith(EXTENSIONS)]
    for name in links + pictures:
      yield (base / name).relative_to(root).as_posix()


def _place(root: pathlib.Path, name: str, seen: dict[str, str]) -> np.ndarray:
  """Latitude and longitude of one file, [2]; `seen` maps digests to paths."""
  data = _read(root, name)
  try:
    latlng_deg = decode.decode(data).exif_latlng_deg
  except decode.BadImage as error:
    raise _Left(error.reason, str(error)) from error
  if latlng_deg is None:
    raise _Left('no_gps', 'no EXIF GPS; place it in a CSV instead')
  if not latlng_deg.any():
    raise _Left('null_island', 'EXIF GPS is (0, 0), a failed geotag')
  first = seen.setdefault(hashlib.sha256(data).hexdigest(), name)
  if first != name:
    raise _Left('duplicate', f'the same bytes as {first}')
  return latlng_deg


def _read(root: pathlib.Path, name: str) -> bytes:
  path = root / name
  try:
    name.encode()
  except UnicodeEncodeError as error:
    raise _Left('file_name', f'{name!r} is no UTF-8; rename it') from error
  if path.is_symlink():
    inside = path.resolve().is_relative_to(root.resolve())
    raise _Left('link_inside' if inside else 'link_outside',
                'a symbolic link; only files of the folder itself are read')
  if not path.is_file():
    raise _Left('not_a_file', 'a pipe, socket or device')
  try:
    if path.stat().st_size > MAX_FILE_BYTES:
      raise _Left('too_large', f'more than {MAX_FILE_BYTES:,} bytes')
    return path.read_bytes()
  except OSError as error:
    raise _Left('unreadable', error.strerror or str(error)) from error


def _check_share(root: pathlib.Path, num_photos: int,
                 quarantine: list[Quarantined], max_share: float | int) -> None:
  failed = [q for q in quarantine if q.reason not in _REPEATS]
  total = num_photos + len(failed)
  reasons = dict(Counter(q.reason for q in failed).most_common())
  if not total:
    raise BadFolder(f'{root} holds no picture files {"/".join(EXTENSIONS)}')
  if len(failed) > max_share * total:
    raise BadFolder(
        f'{root}: {len(failed)} of {total} picture files cannot be used '
        f'{reasons}, more than max_failed_share={max_share}; the first is '
        f'{failed[0].path!r}: {failed[0].text}. Remove them or raise the share')
  if not num_photos:
    raise BadFolder(f'{root}: none of {total} picture files can be used '
                    f'{reasons}')
