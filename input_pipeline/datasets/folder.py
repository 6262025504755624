"""A folder of one's own photos, placed by their EXIF GPS.

What cannot be used is listed with its reason rather than dropped in silence:
those of `decode.BadImage` and no_gps, null_island, file_name, duplicate and
link_inside, link_outside, link_broken.
"""

from collections import Counter
from collections.abc import Iterator
import hashlib
import os
import pathlib

from input_pipeline.datasets import file_photos
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords
from pinpoint_jax.images import decode

# Left out without being a failure: the photo itself is in the table.
_REPEATS = ('duplicate', 'link_inside')


def read_folder(root: str | pathlib.Path, source: types.Source = 'photo',
                max_failed_share: float | int = 0.5,
                ) -> file_photos.FilePhotos:
  """Photos below `root` that decode and hold GPS; the rest in quarantine.

  Ids are paths below `root` with '/', sorted. Of files with the same bytes the
  first by path is kept. Raises ValueError if more than `max_failed_share` of
  the picture files fail or none is left.
  """
  root = pathlib.Path(root)
  if not root.is_dir():
    raise ValueError(f'{root} is not a folder')
  if not 0 <= max_failed_share <= 1:
    raise ValueError(f'max_failed_share={max_failed_share}: must be in [0, 1]')
  places: dict[str, np.ndarray] = {}
  quarantine, seen = [], {}
  for name in sorted(_picture_files(root)):
    try:
      places[name] = _place(root, name, seen)
    except decode.BadImage as error:
      quarantine.append(
          file_photos.Quarantined(name, error.reason, str(error)))
  _check_share(root, len(places), quarantine, max_failed_share)
  latlng_deg = np.stack(list(places.values()))
  coords.check_latlng_deg(latlng_deg, str(root))
  ids = np.asarray(list(places), np.str_)
  unknown = np.full(len(ids), '', np.str_)
  return file_photos.FilePhotos(
      root, ids, types.Photos(ids, latlng_deg, unknown, unknown, source),
      _notes(root, quarantine), quarantine=tuple(quarantine))


def _notes(root: pathlib.Path,
           quarantine: list[file_photos.Quarantined]) -> tuple[str, ...]:
  """How many files were left out, by reason."""
  reasons = Counter(entry.reason for entry in quarantine)
  return tuple(f'{root}: {count} files left out: {reason}'
               for reason, count in sorted(reasons.items()))


def _picture_files(root: pathlib.Path) -> Iterator[str]:
  """Paths of picture files and of links to folders, hidden ones left out."""
  for folder, folders, files in os.walk(root, followlinks=False):
    folders[:] = [name for name in folders if not name.startswith('.')]
    base = pathlib.Path(folder)
    links = [name for name in folders if (base / name).is_symlink()]
    pictures = [name for name in files if not name.startswith('.')
                and name.lower().endswith(file_photos.EXTENSIONS)]
    for name in links + pictures:
      yield (base / name).relative_to(root).as_posix()


def _place(root: pathlib.Path, name: str, seen: dict[str, str]) -> np.ndarray:
  """Latitude and longitude of one file, [2]; `seen` maps digests to paths."""
  _check_name(name)
  _check_link(root, name)
  data = file_photos.read_file(root, name)
  latlng_deg = decode.decode(data).exif_latlng_deg
  if latlng_deg is None:
    raise decode.BadImage('no_gps', 'no EXIF GPS; place it in a CSV instead')
  if not latlng_deg.any():
    raise decode.BadImage('null_island', 'EXIF GPS is (0, 0), a failed geotag')
  first = seen.setdefault(hashlib.sha256(data).hexdigest(), name)
  if first != name:
    raise decode.BadImage('duplicate', f'the same bytes as {first!r}')
  return latlng_deg


def _check_name(name: str) -> None:
  """Refuses what cannot be an id: ids are lines of text, in UTF-8."""
  try:
    name.encode()
  except UnicodeEncodeError as error:
    raise decode.BadImage('file_name',
                          f'{name!r} is not UTF-8; rename it') from error
  if name.splitlines() != [name]:
    raise decode.BadImage('file_name',
                          f'{name!r} holds a line break; rename it')


def _check_link(root: pathlib.Path, name: str) -> None:
  path = root / name
  if not path.is_symlink():
    return
  try:
    inside = path.resolve(strict=True).is_relative_to(root.resolve())
  except (OSError, RuntimeError) as error:  # RuntimeError: a loop, to 3.12.
    raise decode.BadImage(
        'link_broken', 'a symbolic link to nowhere or to itself') from error
  raise decode.BadImage(
      'link_inside' if inside else 'link_outside',
      'a symbolic link; only files of the folder itself are read')


def _check_share(root: pathlib.Path, num_photos: int,
                 quarantine: list[file_photos.Quarantined],
                 max_share: float | int) -> None:
  failed = [q for q in quarantine if q.reason not in _REPEATS]
  total = num_photos + len(failed)
  reasons = dict(Counter(q.reason for q in failed).most_common())
  if not total:
    raise ValueError(
        f'{root} holds no picture files {"/".join(file_photos.EXTENSIONS)}')
  if len(failed) > max_share * total:
    raise ValueError(
        f'{root}: {len(failed)} of {total} picture files cannot be used '
        f'{reasons}, more than max_failed_share={max_share}; the first is '
        f'{failed[0].path!r}: {failed[0].text}. Remove them or raise the share')
  if not num_photos:
    raise ValueError(
        f'{root}: none of {total} picture files can be used {reasons}')
