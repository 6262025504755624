"""CSV files of millions of photos, read in one pass and matched with archives.

A row without an image in the archives is dropped at once, other columns than
those requested are never kept, and a repeated text is kept once: a trial
with one shard costs the memory of that shard.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
import csv
import dataclasses
import math
import pathlib

from input_pipeline import csv_table
from input_pipeline.datasets import file_names
from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords

_NUM_EXAMPLES = 5
CHOICES = {'bad_rows': ('refuse', 'leave_out'),
           'duplicates': ('refuse', 'first')}


@dataclasses.dataclass(frozen=True)
class TextColumns(Mapping[str, types.Strings]):
  """Columns of text by name, each held as its distinct values and codes."""

  vocabulary: Mapping[str, types.Strings]
  codes: Mapping[str, np.ndarray]

  def __getitem__(self, name: str) -> types.Strings:
    return self.vocabulary[name][self.codes[name]]

  def __iter__(self) -> Iterator[str]:
    return iter(self.vocabulary)

  def __len__(self) -> int:
    return len(self.vocabulary)


@dataclasses.dataclass(frozen=True)
class LargeTable:
  """Rows with an image, in the order of the file.

  Attributes:
    photos: the rows kept.
    members: which member of the archives is the image of each row, [n].
    extra: the requested columns.
    notes: what was left out.
  """

  photos: types.Photos
  members: Int[np.ndarray, 'n']
  extra: TextColumns
  notes: tuple[str, ...]


def read(path: str | pathlib.Path, source: types.Source,
         member_of: Mapping[str, int], extra: Sequence[str] = (),
         bad_rows: str = 'refuse', duplicates: str = 'refuse') -> LargeTable:
  """Rows whose id is in `member_of` (key of `file_names.key` → member).

  `bad_rows='leave_out'` drops and counts rows that are invalid coordinates;
  `duplicates='first'` keeps the first row of each image.
  """
  for name, value in (('bad_rows', bad_rows), ('duplicates', duplicates)):
    if value not in CHOICES[name]:
      raise ValueError(f'{name}={value!r}: choices are '
                       f'{", ".join(CHOICES[name])}')
  path = pathlib.Path(path)
  rows = _Rows(extra, len(member_of) and max(member_of.values()) + 1)
  with path.open(encoding='utf-8-sig', newline='') as file:
    reader = csv.reader(file, strict=True)
    try:
      header = next(reader, [])
      rows.begin(header, path)
      for number, row in enumerate(line for line in reader if line):
        rows.add(number, row, member_of)
    except (csv.Error, UnicodeDecodeError) as error:
      raise ValueError(f'{path}: line {reader.line_num}: {error}') from error
  return rows.table(path, source, len(member_of), bad_rows, duplicates)


class _Rows:
  """Rows gathered so far."""

  def __init__(self, extra: Sequence[str], num_members: int):
    self.num_rows, self.ids, self.authors, self.sequences = 0, [], [], []
    self.numbers, self.members = array('d'), array('q')
    self.left: dict[str, list[str]] = {}
    self.counts: dict[str, int] = {}
    self.codes = {name: array('i') for name in extra}
    self.values: dict[str, dict[str, int]] = {name: {} for name in extra}
    self.seen = bytearray(num_members)  # One byte per member: taken or not.
    self.texts: dict[str, str] = {}

  def begin(self, header: list[str], path: pathlib.Path) -> None:
    """Finds the columns."""
    self.path, self.header = path, header
    self.places = {name: header.index(h) for name, accepted
                   in csv_table.COLUMNS.items() for h in accepted
                   if h in header}
    missing = [list(csv_table.COLUMNS[name]) for name in ('id', 'lat', 'lng')
               if name not in self.places]
    missing += [name for name in self.codes if name not in header]
    if missing or len(set(header)) < len(header):
      raise ValueError(f'{path}: columns {missing} are missing, or one '
                       f'occurs twice; found {header}')
    self.extra_places = [(self.codes[name], self.values[name],
                          header.index(name)) for name in self.codes]

  def add(self, number: int, row: list[str],
          member_of: Mapping[str, int]) -> None:
    """Keeps the row, or notes why not."""
    if len(row) != len(self.header):
      raise ValueError(f'{self.path}: row {number} does not have '
                       f'{len(self.header)} columns: {row}')
    self.num_rows += 1
    places = self.places
    name = row[places['id']]
    member = member_of.get(file_names.key(name))
    if member is None:
      return self._leave('no image', number, name)
    lat = _number(row[places['lat']])
    lng = _number(row[places['lng']])
    if not (abs(lat) <= 90 and abs(lng) <= 180 and (lat or lng)):
      return self._leave('no place', number, (
          f'{name}: {row[places["lat"]]!r}, {row[places["lng"]]!r}'))
    if self.seen[member]:
      return self._leave('duplicate', number, name)
    self.seen[member] = 1
    self.ids.append(name)
    self.members.append(member)
    self.numbers.append(lat)
    self.numbers.append(lng)
    for column, kept in (('author', self.authors),
                         ('sequence', self.sequences)):
      text = row[places[column]] if column in places else ''
      kept.append(self.texts.setdefault(text, text))
    for codes, values, place in self.extra_places:
      codes.append(values.setdefault(row[place], len(values)))

  def table(self, path: pathlib.Path, source: types.Source, num_members: int,
            bad_rows: str, duplicates: str) -> LargeTable:
    """The rows as arrays; refuses what the choices do not allow."""
    if not self.num_rows:
      raise ValueError(f'{path}: no rows below the header {self.header}')
    if 'no place' in self.counts and bad_rows == 'refuse':
      raise coords.BadCoordinates(
          self._say('no place') + "; are the columns swapped? Correct the file "
          "or read it with bad_rows='leave_out'")
    if 'duplicate' in self.counts and duplicates == 'refuse':
      raise ValueError(self._say('duplicate') + "; correct the file or "
                       "read it with duplicates='first'")
    if not self.ids:
      raise ValueError(
          f'{path}: none of {self.num_rows:,} rows has an image among '
          f'{num_members:,}: {"; ".join(map(self._say, self.counts))}')
    notes = [self._say(reason) for reason in self.counts]
    unused = num_members - len(self.ids)
    if unused:
      notes.append(f'{path}: {unused:,} images left out: in no row, or in none '
                   f'that is kept')
    self.texts.clear()
    photos = types.Photos(
        _array(self.ids), np.array(self.numbers).reshape(-1, 2),
        _array(self.authors), _array(self.sequences), source)
    extra = TextColumns(
        {name: np.asarray(list(v), np.str_) for name, v in self.values.items()},
        {name: np.asarray(codes) for name, codes in self.codes.items()})
    return LargeTable(photos, np.array(self.members).view(np.int64), extra,
                      tuple(notes))

  def _leave(self, reason: str, number: int, text: str) -> None:
    self.counts[reason] = self.counts.get(reason, 0) + 1
    if self.counts[reason] <= _NUM_EXAMPLES:
      self.left.setdefault(reason, []).append(f'row {number}: {text}')

  def _say(self, reason: str) -> str:
    return (f'{self.path}: {self.counts[reason]:,} of {self.num_rows:,} rows '
            f'left out, {reason}: {", ".join(self.left[reason])}')


def _array(texts: list[str]) -> types.Strings:
  """The texts as an array; the list is emptied, for both are large."""
  column = np.asarray(texts, np.str_)
  texts.clear()
  return column


def _number(text: str) -> float:
  try:
    # float() would also take '1_0' and digits of other scripts.
    return float(text) if text.isascii() and '_' not in text else math.nan
  except ValueError:
    return math.nan
