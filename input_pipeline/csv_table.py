"""CSV and Parquet tables of photos, under the names that their owners use."""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import operator
import pathlib

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords

# Our name -> accepted headers (method: data sets as their owners publish them).
COLUMNS: Mapping[str, tuple[str, ...]] = {
    'id': ('id', 'IMG_ID', 'image_id'),
    'lat': ('lat', 'latitude', 'LAT'),
    'lng': ('lng', 'lon', 'longitude', 'LON'),
    'author': ('author', 'AUTHOR', 'OwnerNSID', 'creator_id'),
    'sequence': ('sequence',),
}
_NEEDED = ('id', 'lat', 'lng')
_NUM_EXAMPLES = 5


@dataclasses.dataclass(frozen=True)
class CsvPhotos:
  """A table as photos.

  Attributes:
    photos: the rows kept, in the order of the file.
    notes: what was noticed or repaired, for the user to see.
    extra: the other columns of the rows kept, as text.
  """

  photos: types.Photos
  notes: tuple[str, ...]
  extra: Mapping[str, types.Strings]


def read_photos_csv(
    path: str | pathlib.Path,
    source: types.Source,
    swapped: str = 'refuse',
    duplicates: str = 'refuse',
    allow_null_island: bool = False,
    unanswered: str = 'refuse',
    id_names: Sequence[str] = COLUMNS['id'],
    extra_names: Sequence[str] | None = None,
) -> CsvPhotos:
  """Reads a table; refuses bad rows by number (the first below is row 0).

  `swapped='fix'` turns exchanged LAT and LON headers round and notes it;
  `duplicates='first'` keeps the first row of each id and notes the count;
  `unanswered='drop'` leaves out rows with neither number and notes the count.
  id_names: headers that the ids may have.
  extra_names: headers of the other columns to keep; None keeps all.
  """
  if swapped not in ('refuse', 'fix'):
    raise ValueError(f'swapped={swapped!r}: choices are refuse, fix')
  if duplicates not in ('refuse', 'first'):
    raise ValueError(f'duplicates={duplicates!r}: choices are refuse, first')
  if unanswered not in ('refuse', 'drop'):
    raise ValueError(f'unanswered={unanswered!r}: choices are refuse, drop')
  table, headers = _read(pathlib.Path(path), id_names, extra_names)
  notes = []
  if unanswered == 'drop':
    table = _answered(table, headers, path, notes)
  latlng_deg = np.stack([_numbers(table[headers[name]], path, headers[name])
                         for name in ('lat', 'lng')], 1)
  if swapped == 'fix' and _looks_swapped(latlng_deg):
    latlng_deg = latlng_deg[:, ::-1]
    notes.append(f'{path}: headers {headers["lat"]} and {headers["lng"]} were '
                 f'swapped; read the right way round')
  try:
    coords.check_latlng_deg(latlng_deg, str(path), allow_null_island)
  except coords.BadCoordinates as error:
    if not _looks_swapped(latlng_deg):
      raise
    raise coords.BadCoordinates(
        f'{error}: headers {headers["lat"]} and {headers["lng"]} are swapped; '
        f"correct the file or read it with swapped='fix' (--swapped=fix)"
    ) from error
  keep = _first_of_each(table[headers['id']], path, duplicates, notes)
  def text(name: str) -> types.Strings:
    if name not in headers:
      return np.full(len(keep), '', np.str_)
    return np.asarray(table[headers[name]], np.str_)[keep]
  photos = types.Photos(text('id'), latlng_deg[keep], text('author'),
                        text('sequence'), source)
  extra = {name: np.asarray(column, np.str_)[keep]
           for name, column in table.items() if name not in headers.values()}
  return CsvPhotos(photos, tuple(notes), extra)


def _read(path: pathlib.Path, id_names: Sequence[str],
          extra_names: Sequence[str] | None) -> tuple[
              dict[str, list[str]], dict[str, str]]:
  """Columns of the file, and the header of each of our names."""
  if path.suffix == '.parquet':
    columns = _parquet(path)
    return columns, _find_headers(list(columns), path, id_names)
  # utf-8-sig drops a byte order mark; newline='' leaves CRLF to csv.
  with path.open(encoding='utf-8-sig', newline='') as file:
    reader = csv.reader(file, strict=True)
    try:
      header = next(filter(None, reader), [])
      if len(set(header)) < len(header):
        raise ValueError(f'{path}: a column name appears twice in {header}')
      headers = _find_headers(header, path, id_names)
      kept = [i for i, name in enumerate(header) if extra_names is None
              or name in headers.values() or name in extra_names]
      take, rows, ragged = operator.itemgetter(*kept), [], []
      for row in filter(None, reader):
        if len(row) == len(header):
          rows.append(take(row))
        else:
          ragged.append((len(rows) + len(ragged), row))
    except (csv.Error, UnicodeDecodeError) as error:
      raise ValueError(f'{path}: line {reader.line_num}: {error}') from error
  if ragged:
    raise ValueError(f'{path}: {len(ragged)} rows do not have {len(header)} '
                     f'columns, first row {ragged[0][0]}: {ragged[0][1]}')
  if not rows:
    raise ValueError(f'{path}: no rows below the header {header}')
  return {header[i]: list(column)
          for i, column in zip(kept, zip(*rows))}, headers


def _parquet(path: pathlib.Path) -> dict[str, list[str]]:
  """The plain columns of a Parquet file as text, '' where nothing is.

  Columns of several values, such as pictures, are passed by.
  """
  # Comes with the extra `data`, and is slow to import.
  import pyarrow
  from pyarrow import parquet
  try:
    # A path would be read as a data set whose folders name columns.
    table = parquet.ParquetFile(path)
    names = [field.name for field in table.schema_arrow
             if not pyarrow.types.is_nested(field.type)
             and not pyarrow.types.is_binary(field.type)]
    read = table.read(names).to_pydict()
  except pyarrow.ArrowInvalid as error:
    raise ValueError(f'{path} cannot be read as Parquet: {error}') from error
  if not table.metadata.num_rows:
    raise ValueError(f'{path}: no rows below the header {names}')
  return {name: ['' if value is None else str(value) for value in values]
          for name, values in read.items()}


def _answered(table: dict[str, list[str]], headers: dict[str, str],
              path: str | pathlib.Path,
              notes: list[str]) -> dict[str, list[str]]:
  """The rows with a place: `predict` leaves both numbers of others empty."""
  rows = list(zip(table[headers['lat']], table[headers['lng']]))
  kept = [i for i, row in enumerate(rows) if row != ('', '')]
  if not kept:
    raise ValueError(f'{path}: none of {len(rows)} rows has a place')
  if len(kept) < len(rows):
    without = [table[headers['id']][i] for i, row in enumerate(rows)
               if row == ('', '')]
    shown = ', '.join(map(repr, without[:_NUM_EXAMPLES]))
    notes.append(f'{path}: {len(without)} rows without an answer left out: '
                 f'{shown}')
  return {name: [column[i] for i in kept] for name, column in table.items()}


def _find_headers(header: Sequence[str], path: pathlib.Path,
                  id_names: Sequence[str]) -> dict[str, str]:
  headers = {}
  for name, accepted in {**COLUMNS, 'id': tuple(id_names)}.items():
    present = [h for h in accepted if h in header]
    if len(present) > 1:
      raise ValueError(f'{path}: columns {present} all mean {name!r}; keep one')
    if present:
      headers[name] = present[0]
    elif name in _NEEDED:
      raise ValueError(f'{path}: no column for {name!r}; accepted are '
                       f'{list(accepted)}, found {list(header)}')
  return headers


def _numbers(texts: Sequence[str], path: str | pathlib.Path,
             column: str) -> np.ndarray:
  numbers, bad = np.full(len(texts), np.nan), []
  for row, text in enumerate(texts):
    try:
      # float() would also take '1_0' and digits of other scripts.
      plain = text.isascii() and '_' not in text
      numbers[row] = float(text if plain else '?')
    except ValueError:
      bad.append(row)
  if bad:
    shown = ', '.join(f'row {r}: {texts[r]!r}' for r in bad[:_NUM_EXAMPLES])
    raise coords.BadCoordinates(
        f'{path}: column {column}: {len(bad)} values are not numbers: {shown}')
  return numbers


def _looks_swapped(latlng_deg: np.ndarray) -> bool:
  """Whether the table is out of range as it is and in range when exchanged."""
  def out_of_range(table: np.ndarray) -> bool:
    return bool((np.abs(table) > np.asarray([90, 180])).any())
  return (bool(np.isfinite(latlng_deg).all()) and out_of_range(latlng_deg)
          and not out_of_range(latlng_deg[:, ::-1]))


def _first_of_each(ids: Sequence[str], path: str | pathlib.Path,
                   duplicates: str, notes: list[str]) -> np.ndarray:
  ids = np.asarray(ids, np.str_)
  blank = np.flatnonzero(ids == '')
  if len(blank):
    raise ValueError(f'{path}: {len(blank)} empty ids, first row {blank[0]}')
  names, first = np.unique(ids, return_index=True)
  extra = len(ids) - len(names)
  if not extra:
    return np.arange(len(ids))
  again = np.setdiff1d(np.arange(len(ids)), first)
  shown = ', '.join(f'{str(ids[r])!r} again in row {r}'
                    for r in again[:_NUM_EXAMPLES])
  if duplicates != 'first':
    raise ValueError(f'{path}: {extra} duplicate ids: {shown}')
  notes.append(f'{path}: {extra} duplicate ids dropped, first row kept: '
               f'{shown}')
  return np.sort(first)
