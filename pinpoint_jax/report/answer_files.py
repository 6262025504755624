"""Answers in a file of any kind: the end of its name says which.

.json a list · .jsonl a line each · .csv a table · .geojson and .kml maps
"""

import collections
from collections.abc import Callable, Iterator, Sequence
import pathlib

from pinpoint_jax.answer import records
from pinpoint_jax.disk import files
from pinpoint_jax.report import (
    answer_columns,
    answer_csv,
    answer_geojson,
    answer_json,
    answer_kml,
)

_LINES: dict[str, Callable[[Sequence[records.Answer]], Iterator[str]]] = {
    '.json': answer_json.list_lines, '.jsonl': answer_json.lines,
    '.csv': answer_csv.lines, '.geojson': answer_geojson.lines,
    '.kml': answer_kml.lines}
SUFFIXES = tuple(_LINES)
# Characters of an id that a file cannot hold; the other kinds escape them.
_BAD = {'.csv': answer_csv.bad, '.geojson': answer_columns.is_surrogate,
        '.kml': answer_kml.bad}


def check(path: pathlib.Path, ids: Sequence[str]) -> None:
  """Refuses what `write` would refuse: call it before the photos are read."""
  if path.suffix.lower() not in _LINES:
    raise ValueError(f'{path}: no kind of answer file ends in {path.suffix!r}; '
                     f'choices are {", ".join(SUFFIXES)}')
  if not path.parent.is_dir():
    raise ValueError(f'{path}: there is no folder {path.parent}; make it first')
  if '' in ids:
    raise ValueError(f'{path}: a photo has an empty id')
  twice = [id_ for id_, count in collections.Counter(ids).items() if count > 1]
  if twice:
    raise ValueError(f'{path}: more than once: {answer_columns.named(twice)}')
  bad = _BAD.get(path.suffix.lower())
  if bad:
    answer_columns.refuse_ids(ids, str(path), bad)


def write(path: pathlib.Path,
          answers: Sequence[records.Answer]) -> tuple[str, ...]:
  """Writes the file atomically; returns what its reader has to know."""
  ids = [answer.id for answer in answers]
  check(path, ids)
  with files.atomic(path) as file:
    for text in _LINES[path.suffix.lower()](answers):
      file.write(text.encode())
  return tuple(_notes(path, answers))


def _notes(path: pathlib.Path,
           answers: Sequence[records.Answer]) -> Iterator[str]:
  unanswered = [answer.id for answer in answers if answer.latlng_deg is None]
  if unanswered:
    yield (f'{path}: {len(unanswered)} of {len(answers)} photos have no answer '
           f'and no place there: {answer_columns.named(unanswered)}')
  formulas = answer_csv.formulas(answer.id for answer in answers)
  if formulas and path.suffix.lower() == '.csv':
    yield (f'{path}: {len(formulas)} ids begin like a formula; let a '
           'spreadsheet import them as text: '
           f'{answer_columns.named(formulas)}')
