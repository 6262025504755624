"""One writer per workdir, by a lock that dies with its holder."""

from collections.abc import Iterator
import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import socket
from typing import TextIO

NAME = 'lock.json'


@contextlib.contextmanager
def hold(folder: pathlib.Path) -> Iterator[None]:
  """Holds the only lock on `folder`, or refuses at once, naming the holder."""
  folder.mkdir(parents=True, exist_ok=True)
  # The file stays behind: a second process may have it open already, and a
  # third one would lock a new file under the same name.
  with (folder / NAME).open('a+', encoding='utf-8') as file:
    _acquire(file, folder)
    _write(file, json.dumps(_holder()) + '\n')
    try:
      yield
    finally:
      _write(file, '')


def _acquire(file: TextIO, folder: pathlib.Path) -> None:
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    raise ValueError(
        f'workdir {folder} is locked by {_described(file)}: wait for it, stop '
        f'it, or choose another workdir') from None


def _holder() -> dict[str, str | int]:
  now = datetime.datetime.now().astimezone()
  return {
      'pid': os.getpid(),
      'host': socket.gethostname(),
      'since': now.isoformat(timespec='seconds'),
  }


def _described(file: TextIO) -> str:
  file.seek(0)
  try:
    holder = json.loads(file.read())
    return 'pid {pid} on {host} since {since}'.format(**holder)
  except (ValueError, KeyError, TypeError):
    # The holder has locked the file and not written its name yet.
    return 'a process that is just starting'


def _write(file: TextIO, text: str) -> None:
  file.seek(0)
  file.truncate()
  file.write(text)
  file.flush()
