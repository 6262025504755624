"""Which files of a folder were verified, so that they are not read again.

  FOLDER/.verified.json   stamps: {NAME: size, times, inode and checksum}

A stamp is of a file as it was when all its bytes had the checksum. Without the
file, or where a file changed since, bytes are read again: that costs time only.
"""

from collections.abc import Container
import json
import os
import pathlib
from typing import Any

from pinpoint_jax.disk import files as disk
import xxhash

CACHE = '.verified.json'
# A file changed so recently may change again without another time stamp.
_SETTLED_NS = 2_000_000_000
# Stamps that this process has seen verified.
_stamps: set[str] = set()


def state(path: pathlib.Path) -> str:
  """What changes when a file does; '' if there is none."""
  return state_of(path.stat()) if path.is_file() else ''


def state_of(stat: os.stat_result) -> str:
  """As `state`, of an open file."""
  # The time of the inode's change cannot be set back, as the file's can.
  return (f'{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} '
          f'{stat.st_ino}')


def contains(folder: pathlib.Path, stamp: str) -> bool:
  """Whether a file was verified in that state, by this process or another."""
  return stamp in _stamps or stamp in _read(folder).values()


def is_settled(path: pathlib.Path, since_ns: int) -> bool:
  """Whether a change after `since_ns` shows in the file's state."""
  stat = path.stat()
  return max(stat.st_mtime_ns, stat.st_ctime_ns) < since_ns - _SETTLED_NS


def add(folder: pathlib.Path, name: str, stamp: str,
        names: Container[str]) -> None:
  """Notes a verified file, and forgets all that are none of `names`."""
  _stamps.add(stamp)
  stamps = {known: x for known, x in _read(folder).items() if known in names}
  stamps[name] = stamp
  try:
    disk.write_json(folder / CACHE,
                    {'stamps': stamps, 'xxh3_128': _checksum(stamps)})
  except OSError:
    pass  # Every process verifies the files of a read-only folder itself.


def _read(folder: pathlib.Path) -> dict[str, str]:
  try:
    cache = json.loads((folder / CACHE).read_bytes())
    stamps = dict(cache['stamps'])
    return stamps if cache['xxh3_128'] == _checksum(stamps) else {}
  except (OSError, ValueError, KeyError, TypeError, RecursionError):
    return {}


def _checksum(stamps: dict[str, Any]) -> str:
  text = json.dumps(stamps, sort_keys=True)
  return xxhash.xxh3_128_hexdigest(text.encode())
