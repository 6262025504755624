"""Positions into copies of photos, or into files beside them.

An original is opened once, for reading, and never through a link; no file that
is there is replaced unless that is asked for, the original never.
"""

from collections.abc import Sequence
import os
import pathlib
import stat

from pinpoint_jax.disk import files
from pinpoint_jax.images import gps_block, gps_copy, xmp

MAX_FILE_BYTES = 256 << 20


def write_copy(photo: pathlib.Path, copy: pathlib.Path,
               position: gps_block.Position, *, replace: bool = False,
               overwrite: bool = False) -> None:
  """Writes a copy of the photo that has the position in its EXIF.

  A position that the photo has is kept and the copy refused unless `replace`;
  a file called `copy` that is there stays unless `overwrite`.
  """
  data, status = _read(photo)
  _refuse_original(photo, copy, status)
  try:
    copied = gps_copy.with_position(data, position, replace)
  except gps_block.NoCopy as error:
    raise type(error)(f'{_name(photo)}: no copy with a position: {error}; a '
                      f'sidecar ({xmp.SUFFIX}) can have it') from error
  _write(copy, copied, overwrite, status.st_mode & 0o777)


def write_sidecar(photo: pathlib.Path, sidecar: pathlib.Path,
                  position: gps_block.Position, *,
                  overwrite: bool = False) -> None:
  """Writes an XMP file with the position of the photo."""
  try:
    status = os.stat(photo)
  except (OSError, ValueError) as error:
    raise _unreadable(photo, error) from error
  _refuse_original(photo, sidecar, status)
  _write(sidecar, xmp.sidecar(position), overwrite)


def sidecar_path(photo: pathlib.Path) -> pathlib.Path:
  """Where darktable and digiKam look for it: NAME.jpg.xmp."""
  return photo.with_name(photo.name + xmp.SUFFIX)


def copy_paths(photos: Sequence[pathlib.Path],
               folder: pathlib.Path) -> list[pathlib.Path]:
  """A path below `folder` for each photo, in the folders that they are in.

  Photos of one folder lie in `folder` itself; photos of several keep what
  differs of their paths, so that no two copies have one name. Refuses a folder
  in which a copy would have the name of another photo.
  """
  paths = [os.path.abspath(photo) for photo in photos]
  if not paths:
    return []
  common = os.path.commonpath([os.path.dirname(path) for path in paths])
  copies = [folder / os.path.relpath(path, common) for path in paths]
  originals = {_identity(path) for path in paths} - {None}
  for copy in copies:
    if _identity(copy) in originals:
      raise ValueError(f'{_name(copy)} would be a copy and is a photo: choose '
                       'a folder away from the photos')
  return copies


def _identity(path: str | pathlib.Path) -> tuple[int, int] | None:
  """Device and number of what is there, whatever it is called."""
  try:
    status = os.stat(path)
  except (OSError, ValueError):
    return None
  return status.st_dev, status.st_ino


def _read(photo: pathlib.Path) -> tuple[bytes, os.stat_result]:
  """The bytes of a regular file, and what its handle says of it."""
  try:
    # O_NONBLOCK: a pipe without a writer would block for ever.
    handle = os.open(photo, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC)
  except (OSError, ValueError) as error:
    if os.path.islink(photo):
      raise ValueError(f'{_name(photo)} is a link: name the photo that it '
                       'leads to') from error
    raise _unreadable(photo, error) from error
  try:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
      raise ValueError(f'{_name(photo)} is a folder, pipe, socket or device, '
                       'no photo')
    if status.st_size > MAX_FILE_BYTES:
      raise ValueError(f'{_name(photo)}: {status.st_size:,} bytes, more than '
                       f'{MAX_FILE_BYTES:,}')
    with open(handle, 'rb', closefd=False) as file:
      return file.read(), status
  finally:
    os.close(handle)


def _refuse_original(photo: pathlib.Path, target: pathlib.Path,
                     original: os.stat_result) -> None:
  """Another spelling, a link or a second name lead to the original, too."""
  try:
    same = os.path.samestat(os.stat(target), original)
  except OSError:
    return  # Nothing is there.
  except ValueError as error:  # A NUL.
    raise ValueError(f'{_name(target)} is no path: {error}') from error
  if same:
    raise ValueError(f'{_name(target)} is the photo {_name(photo)} itself, '
                     'which is never changed: choose another path')


def _write(path: pathlib.Path, data: bytes, overwrite: bool,
           mode: int | None = None) -> None:
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise OSError(f'{_name(path.parent)} cannot be made a folder: '
                  f'{error.strerror}') from error
  try:
    if not overwrite and os.path.lexists(path):
      raise FileExistsError
    with files.atomic(path, len(data), replace=overwrite) as file:
      if mode is not None:  # Who may not read the original, not the copy.
        os.fchmod(file.fileno(), mode)
      file.write(data)
  except FileExistsError as error:
    raise ValueError(f'{_name(path)} is there already and stays as it is: '
                     'choose another path, or ask for it to be overwritten'
                     ) from error
  except OSError as error:
    raise OSError(f'{_name(path)} cannot be written: '
                  f'{error.strerror or error}') from error


def _unreadable(photo: pathlib.Path, error: Exception) -> ValueError:
  return ValueError(f'{_name(photo)} cannot be read: '
                    f'{getattr(error, "strerror", None) or error}')


def _name(path: pathlib.Path) -> str:
  """On one line and in ASCII quotes, whatever the file is called."""
  text = str(path)
  return text if text.isprintable() else repr(text)
