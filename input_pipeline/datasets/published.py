"""Who publishes the data of the benchmarks, and what of it is not here.

The facts are in published.json; nothing is ever downloaded.
"""

from collections.abc import Iterator
import dataclasses
import functools
import glob
import itertools
import json
import pathlib
import re
from typing import Any

_BRACES = re.compile(r'\{([^}]*)\}')
_NUM_EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Missing:
  """Files of one data set that are not here.

  Attributes:
    title: of the data set.
    root: the folder in which they were looked for.
    names: what is missing, as its owner calls it.
    bytes: of all of it as published, None where that is not known.
    owner: who publishes it, and where.
    licence: of the data set.
  """

  title: str
  root: str
  names: str
  bytes: int | None
  owner: str
  licence: str

  def __str__(self) -> str:
    size = ('size not known to us' if self.bytes is None
            else f'{self.bytes / 1e9:,.2f} GB' if self.bytes > 1e7
            else f'{self.bytes:,} bytes')
    return (f'{self.title}: {self.root}/ lacks {self.names} ({size}); '
            f'published by {self.owner}; licence: {self.licence}')


def names() -> list[str]:
  """What is known of."""
  return sorted(_known())


def num_rows(name: str, split: str) -> int:
  """Photos of a split, as far as is known; 0 where nothing is."""
  rows = _known().get(name, {'rows': {}})['rows']
  return rows.get(split, rows.get('main', 0))


def missing(name: str, root: str | pathlib.Path, split: str,
            partly: bool = False) -> list[Missing]:
  """The files of a split that are not below `root`, a line for each kind.

  partly: a part of the images is enough, as for a subset.
  """
  known = _known()[name]
  listed = []
  for entry in known['files']:
    if entry.get('split', split) != split:
      continue
    lacking = _lacking(pathlib.Path(root), entry, partly)
    if lacking:
      listed.append(Missing(known['title'], str(root), lacking, entry['bytes'],
                            known['owner'], known['licence']))
  return listed


def there(name: str, root: str | pathlib.Path,
          split: str) -> list[tuple[str, int]]:
  """Name below `root` and bytes of every published file that is there.

  Data that were fetched again have other files; moved, they are the same.
  """
  base = pathlib.Path(root)
  paths = {path for entry in _known()[name]['files']
           if entry.get('split', split) == split
           for text in expanded(entry['names']) for path in _found(base, text)}
  return sorted((path.relative_to(base).as_posix(), path.stat().st_size)
                for path in paths)


def expanded(pattern: str) -> list[str]:
  """A pattern without braces: {00..18} counts, {csv,parquet} lists."""
  match = _BRACES.search(pattern)
  if not match:
    return [pattern]
  first, dots, last = match[1].partition('..')
  words = ([f'{i:0{len(first)}d}' for i in range(int(first), int(last) + 1)]
           if dots else match[1].split(','))
  return list(itertools.chain.from_iterable(
      expanded(pattern[:match.start()] + word + pattern[match.end():])
      for word in words))


def _lacking(root: pathlib.Path, entry: dict[str, Any], partly: bool) -> str:
  """What of an entry is missing, '' where nothing is."""
  texts = expanded(entry['names'])
  absent = [text for text in texts if not next(_found(root, text), None)]
  counted = '..' in entry['names']
  if not absent or ((partly or not counted) and 'enough' in entry
                    and len(texts) - len(absent) >= entry['enough']):
    return ''
  if len(absent) == len(texts):
    return entry['names']
  shown = ', '.join(absent[:_NUM_EXAMPLES])
  more = len(absent) - _NUM_EXAMPLES
  return shown + (f' and {more} more of {entry["names"]}' if more > 0 else '')


def _found(root: pathlib.Path, pattern: str) -> Iterator[pathlib.Path]:
  for name in glob.iglob(pattern, root_dir=root, recursive=True):
    if (root / name).is_file():
      yield root / name


@functools.cache
def _known() -> dict[str, Any]:
  path = pathlib.Path(__file__).with_suffix('.json')
  return json.loads(path.read_text(encoding='utf-8'))['data']
