"""On which day photos were taken, from CSV files."""

from collections.abc import Sequence
import csv
import datetime
import pathlib
import re

import numpy as np
from pinpoint_jax import types

IDS = ('id', 'IMG_ID', 'image_id')
DAYS = ('day', 'date', 'captured_at', 'Date taken')
_DAY = re.compile(r'(\d{4})[-:](\d\d)[-:](\d\d)(?:\D|$)')
# Mapillary counts milliseconds since 1970.
_MILLISECONDS = re.compile(r'\d{12,13}')


def read_days(paths: Sequence[str | pathlib.Path]) -> dict[str, str]:
  """The day of each id, 2024-05-31; ids without a day are left out.

  A day may begin a longer text, 2024:05:31 12:00, or be milliseconds since
  1970. Refuses text that is neither, by its line.
  """
  days: dict[str, str] = {}
  for path in paths:
    with pathlib.Path(path).open(encoding='utf-8-sig', newline='') as file:
      reader = csv.DictReader(file)
      id_name, day_name = (_header(reader.fieldnames or (), names, path)
                           for names in (IDS, DAYS))
      for row in reader:
        text = (row[day_name] or '').strip()
        if text:
          days[row[id_name]] = _day(text, f'{path}: line {reader.line_num}')
  return days


def of(photos_ids: types.Strings, days: dict[str, str]) -> types.Strings:
  """Days of some ids, '' where unknown."""
  return np.asarray([days.get(name, '') for name in photos_ids.tolist()],
                    np.str_)


def _header(present: Sequence[str], accepted: Sequence[str],
            path: str | pathlib.Path) -> str:
  found = [name for name in accepted if name in present]
  if len(found) != 1:
    raise ValueError(f'{path}: one of the columns {list(accepted)} is needed, '
                     f'found {list(present)}')
  return found[0]


def _day(text: str, where: str) -> str:
  try:
    if _MILLISECONDS.fullmatch(text):
      return datetime.datetime.fromtimestamp(
          int(text) / 1000, datetime.UTC).date().isoformat()
    found = _DAY.match(text)
    return datetime.date(*map(int, found.groups())).isoformat()
  except (AttributeError, ValueError, OverflowError, OSError):
    raise ValueError(f'{where}: {text!r:.40} is no day: write it as '
                     f'2024-05-31') from None
