"""Verdicts on claimed places in a file: the end of its name says which kind.

.json a list · .jsonl a line each · .csv a table, id, lat and lng first
"""

from collections.abc import Callable, Iterator, Sequence
import pathlib
from typing import Any

from pinpoint_jax.answer import claim_records
from pinpoint_jax.disk import files
from pinpoint_jax.report import answer_columns, answer_csv, answer_json

COLUMNS = ('id', 'lat', 'lng', 'verdict', 'p_value', 'level', 'fitting_share',
           'num_near', 'claimed_city', 'claimed_country', 'answer_lat',
           'answer_lng', 'answer_city', 'answer_country', 'dist_km', 'warnings')


def check(path: pathlib.Path, ids: Sequence[str]) -> None:
  """Refuses what `write` would refuse: call it before the photos are read."""
  if path.suffix.lower() not in _LINES:
    raise ValueError(f'{path}: no kind of file of verdicts ends in '
                     f'{path.suffix!r}; choices are {", ".join(_LINES)}')
  if not path.parent.is_dir():
    raise ValueError(f'{path}: there is no folder {path.parent}; make it first')
  if path.suffix.lower() == '.csv':
    answer_columns.refuse_ids(ids, str(path), answer_csv.bad)


def write(path: pathlib.Path,
          verdicts: Sequence[claim_records.Verdict]) -> None:
  """Writes the file atomically."""
  check(path, [verdict.id for verdict in verdicts])
  with files.atomic(path) as file:
    for text in _LINES[path.suffix.lower()](verdicts):
      file.write(text.encode())


def row(verdict: claim_records.Verdict) -> dict[str, Any]:
  """Values by COLUMNS, None where there is none."""
  answer, city = verdict.answer, verdict.answer.places
  lat, lng = answer.latlng_deg or (None, None)
  return dict(zip(COLUMNS, (
      verdict.id, *verdict.latlng_deg, verdict.word, verdict.p_value,
      verdict.level, verdict.fitting_share, verdict.num_near,
      verdict.place.city, verdict.place.country, lat, lng,
      city and city.city, city and city.country, verdict.dist_km,
      '; '.join(verdict.warnings)), strict=True))


def _json_lines(verdicts: Sequence[claim_records.Verdict]) -> Iterator[str]:
  return (answer_json.record_line(verdict.as_dict()) for verdict in verdicts)


_LINES: dict[str, Callable[
    [Sequence[claim_records.Verdict]], Iterator[str]]] = {
    '.json': lambda verdicts: answer_json.list_of(_json_lines(verdicts)),
    '.jsonl': _json_lines,
    '.csv': lambda verdicts: answer_csv.table(COLUMNS, map(row, verdicts))}
