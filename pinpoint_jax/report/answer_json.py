"""Answers as JSON: a list, or a line each (JSON lines) as they come.

Both are ASCII, other characters are escaped: every id survives, even bytes that
are no text, and no character of an id ends a line. A figure that is not finite
is null.
"""

from collections.abc import Iterable, Iterator, Mapping
import json
import math
import os
import pathlib
from typing import Any

import numpy as np
from pinpoint_jax.answer import records
from pinpoint_jax.disk import files
from pinpoint_jax.report import answer_columns


def line(answer: records.Answer) -> str:
  """One answer, ended by LF."""
  answer_columns.latlng_deg(answer)
  return record_line(answer.as_dict())


def record_line(entries: Mapping[str, Any]) -> str:
  """A record on one line, ended by LF; what is not finite is null."""
  return json.dumps(_plain(entries), allow_nan=False) + '\n'


def lines(answers: Iterable[records.Answer]) -> Iterator[str]:
  """One answer after the other: JSON lines."""
  return map(line, answers)


def list_lines(answers: Iterable[records.Answer]) -> Iterator[str]:
  """A list, an answer a line."""
  return list_of(map(line, answers))


def list_of(lines: Iterable[str]) -> Iterator[str]:
  """A list of what is on those lines, an entry a line."""
  mark = '['
  for entry in lines:
    yield f'{mark}\n{entry[:-1]}'
    mark = ','
  yield '[]\n' if mark == '[' else '\n]\n'


def read(path: str | pathlib.Path) -> list[records.Answer]:
  """The answers in a file of JSON lines; half a line at its end is left out."""
  return [_answer(text, path, number) for number, text in enumerate(
      _whole_lines(pathlib.Path(path)), 1)]


class AnswerLog:
  """Answers as JSON lines on disk, appended as they come.

  A log that is there is gone on with: `answers` are those that it holds, and
  half a line that a kill left is dropped.
  """

  def __init__(self, path: pathlib.Path):
    self._path = path
    self.answers: tuple[records.Answer, ...] = ()
    if path.exists():
      self.answers = tuple(read(path))
      whole = sum(len(text) + 1 for text in _whole_lines(path))
      with path.open('r+b') as file:
        file.truncate(whole)
    self._ids = {answer.id for answer in self.answers}
    self._file = path.open('ab', buffering=0)

  def __enter__(self) -> 'AnswerLog':
    return self

  def __exit__(self, *_: Any) -> None:
    self.close()

  def __contains__(self, id_: str) -> bool:
    """Whether the photo has been answered."""
    return id_ in self._ids

  def append(self, answer: records.Answer) -> None:
    """Writes one answer more, at once."""
    if answer.id in self._ids:
      raise ValueError(f'{self._path} has an answer to {answer.id!r} already')
    text = line(answer).encode()
    with files.refusing_full_disk(self._path, len(text)):
      _append_whole(self._file, text)
    self._ids.add(answer.id)

  def close(self) -> None:
    """Ends the writing."""
    self._file.close()


def _append_whole(file: Any, text: bytes) -> None:
  """Writes all of the text or, on a full disk, nothing."""
  start = file.seek(0, os.SEEK_END)
  try:
    while text:
      text = text[file.write(text):]
  except OSError:
    file.truncate(start)
    raise


def _whole_lines(path: pathlib.Path) -> list[bytes]:
  return path.read_bytes().split(b'\n')[:-1]


def _answer(text: bytes, path: str | pathlib.Path,
            number: int) -> records.Answer:
  try:
    entries = json.loads(text)
    if not isinstance(entries, dict):
      raise TypeError(f'a line is an object, not {type(entries).__name__}')
    answer = records.from_dict(entries)
    if not isinstance(answer.id, str):
      raise TypeError(f'id {answer.id!r} is no text')
    answer_columns.latlng_deg(answer)
    return answer
  except (ValueError, TypeError, KeyError, AttributeError, OverflowError,
          RecursionError) as error:
    reason = (str(error).splitlines() or [''])[0]
    raise ValueError(
        f'{path}: line {number} is no answer ({type(error).__name__}: '
        f'{reason}): remove the line, and its photo is answered again'
    ) from error


def _plain(value: Any) -> Any:
  if isinstance(value, dict):
    return {str(name): _plain(entry) for name, entry in value.items()}
  if isinstance(value, (list, tuple)):
    return [_plain(entry) for entry in value]
  if isinstance(value, np.generic):
    value = value.item()
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
