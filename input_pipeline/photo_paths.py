"""Photos as a user names them on a command line, to paths of files.

  a.jpg             the file, whatever it is called
  folder            every picture below it, in the order of its path
  'trip/**/*.jpg'   a pattern that the shell has not resolved
  list.csv          the files in its column `path`, relative to it
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
import csv
import dataclasses
import glob
import os
import pathlib

from input_pipeline.datasets import file_photos

_PATTERN = '*?['
_COLUMN = 'path'


@dataclasses.dataclass(frozen=True)
class Listing:
  """Photos to be looked at, and what was left out.

  Attributes:
    paths: each once, as they were named.
    left_out: how many were left out, by reason.
  """

  paths: tuple[str, ...]
  left_out: Mapping[str, int]


def listed(words: Sequence[str]) -> Listing:
  """The photos that those words name; refuses a word that names none."""
  paths: dict[str, None] = {}
  left_out: Counter[str] = Counter()
  for word in words:
    count = 0
    for path in _named(word, left_out):
      count += 1
      if path in paths:
        left_out['named twice'] += 1
      paths[path] = None
    if not count:
      raise ValueError(f'{word!r} names no photo: give files, folders with '
                       f'pictures {"/".join(file_photos.EXTENSIONS)}, patterns '
                       f'or a CSV with a column {_COLUMN!r}')
  return Listing(tuple(paths), dict(left_out))


def _named(word: str, left_out: Counter[str]) -> Iterator[str]:
  if '\0' in word:
    raise ValueError(f'{word!r} holds a NUL, which no path does')
  if os.path.isdir(word):
    yield from _pictures(word, left_out)
  elif os.path.lexists(word):
    yield from _rows(word) if word.lower().endswith('.csv') else (word,)
  elif any(sign in word for sign in _PATTERN):
    yield from sorted(path for path in glob.iglob(word, recursive=True)
                      if not os.path.isdir(path))
  else:
    raise ValueError(f'{word!r}: no such file or folder')


def _pictures(root: str, left_out: Counter[str]) -> Iterator[str]:
  """Picture files below a folder; links are counted and left out."""
  def unreadable(error: OSError) -> None:
    left_out['a folder that cannot be read'] += 1
  for folder, folders, files in os.walk(root, onerror=unreadable):
    left_out['hidden'] += sum(name[0] == '.' for name in folders + files)
    folders[:] = sorted(name for name in folders if name[0] != '.')
    left_out['a link'] += sum(os.path.islink(os.path.join(folder, name))
                              for name in folders)
    for name in sorted(name for name in files if name[0] != '.'):
      path = os.path.join(folder, name)
      if not name.lower().endswith(file_photos.EXTENSIONS):
        left_out['no picture by its name'] += 1
      elif os.path.islink(path):
        left_out['a link'] += 1
      else:
        yield path
  for reason in [name for name, count in left_out.items() if not count]:
    del left_out[reason]


def _rows(path: str) -> Iterator[str]:
  base = pathlib.Path(path).parent
  try:
    with open(path, encoding='utf-8-sig', newline='') as file:
      table = csv.DictReader(file)
      if _COLUMN not in (table.fieldnames or ()):
        raise ValueError(f'{path}: no column {_COLUMN!r} among '
                         f'{table.fieldnames}')
      for number, row in enumerate(table, 2):
        if not row[_COLUMN]:
          raise ValueError(f'{path}: line {number} names no file')
        yield str(base / row[_COLUMN])
  except (UnicodeDecodeError, csv.Error) as error:
    raise ValueError(f'{path} cannot be read as CSV: {error}') from error
