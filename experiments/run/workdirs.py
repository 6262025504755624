"""Whether a folder can be written to, before any work."""

import os
import pathlib
import re


def check(flag: str, path: pathlib.Path) -> None:
  """Refuses what is no local folder, or none that can be written."""
  text = f'--{flag}={path}'
  # pathlib makes one slash of two.
  if scheme := re.match(r'([a-z][a-z0-9+.-]*):/(.*)', str(path)):
    raise ValueError(f'--{flag}={scheme[1]}://{scheme[2]}: {scheme[1]}:// is '
                     f'no local folder; write to a disk, or to a bucket '
                     f'mounted as a folder')
  there = _nearest(text, path)
  if there == path and flag == 'out':
    return  # It is replaced, or refused by the binary itself.
  if not there.is_dir():
    raise ValueError(f'{text}: {there} is a file, not a folder')
  if not os.access(there, os.W_OK | os.X_OK):
    raise ValueError(f'{text}: {there} cannot be written to')


def _nearest(text: str, path: pathlib.Path) -> pathlib.Path:
  """The path, or the nearest of its parents that is there."""
  while True:
    try:
      path.lstat()
      return path
    except (FileNotFoundError, NotADirectoryError):
      path = path.parent
    except (OSError, ValueError) as error:  # Too long; with a NUL.
      reason = getattr(error, 'strerror', None) or error
      raise ValueError(f'{text!r}: {reason}') from error
