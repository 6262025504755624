"""Answers as a table; id, lat and lng first, as `evaluate` reads them.

A photo without an answer has a line with empty lat and lng. An id is written as
it is, so that tables can be joined by it. A spreadsheet takes an id that begins
with = + - or @ for a formula (`formulas`); other text is kept from it by an
apostrophe.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import csv
import io
from typing import Any

from pinpoint_jax.answer import records
from pinpoint_jax.report import answer_columns

_FORMULA = ('=', '+', '-', '@', '\t', '\r')


def lines(answers: Sequence[records.Answer]) -> Iterator[str]:
  """The head, then one line for each answer, ended by LF."""
  rows = [answer_columns.row(answer) for answer in answers]
  # As of an answer without anything, so that an empty table has a head too.
  head = dict.fromkeys(answer_columns.row(records.Answer(
      '', None, '', '', {}, None, (), (), None, ())))
  for row in rows:
    head |= dict.fromkeys(row)
  yield from table(head, rows)


def table(head: Iterable[str], rows: Iterable[Mapping[str, Any]],
          ) -> Iterator[str]:
  """Rows of values by column, below the names of the columns."""
  head = list(head)
  yield _line(head)
  for row in rows:
    yield _line(_cell(name, row.get(name)) for name in head)


def formulas(ids: Iterable[str]) -> list[str]:
  """The ids that a spreadsheet would take for formulas."""
  return [id_ for id_ in ids if id_.startswith(_FORMULA)]


def bad(character: str) -> bool:
  """Whether the table cannot hold it."""
  return character == '\0' or answer_columns.is_surrogate(character)


def _cell(name: str, value: Any) -> Any:
  if name == 'id' or not isinstance(value, str):
    return value
  text = answer_columns.clean(value, bad)
  return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Iterable[Any]) -> str:
  # A line end of \r\n makes csv quote \r, too, which readers trip over.
  text = io.StringIO()
  csv.writer(text, lineterminator='\r\n').writerow(cells)
  return text.getvalue().removesuffix('\r\n') + '\n'
