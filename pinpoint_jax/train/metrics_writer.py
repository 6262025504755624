"""Metrics as lines of JSON, each step once, also across restarts."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any, Protocol, runtime_checkable

from pinpoint_jax.disk import files


@runtime_checkable
class Writer(Protocol):
  """Where metrics go."""

  def write(self, step: int, metrics: Mapping[str, Any]) -> None: ...
  def rewind(self, step: int) -> None: ...


class JsonLines:
  """One object per line; `step` first."""

  def __init__(self, path: pathlib.Path):
    self._path = path
    path.parent.mkdir(parents=True, exist_ok=True)
    self._file = path.open('a', encoding='utf-8')

  def write(self, step: int, metrics: Mapping[str, Any]) -> None:
    """Appends one line."""
    line = json.dumps({'step': step} | dict(metrics), allow_nan=True)
    with files.refusing_full_disk(self._path, len(line)):
      self._file.write(line + '\n')
      self._file.flush()

  def rewind(self, step: int) -> None:
    """Drops lines after `step`: they will be written again."""
    self._file.close()
    kept = [line for line in self._path.read_text(encoding='utf-8').splitlines()
            if _step(line) <= step]
    with files.atomic(self._path) as file:
      file.write(''.join(f'{line}\n' for line in kept).encode())
    self._file = self._path.open('a', encoding='utf-8')


def _step(line: str) -> float | int:
  try:
    return json.loads(line)['step']
  except (ValueError, KeyError, TypeError):
    return float('inf')  # Half a line, cut by a kill.


class TensorBoard:
  """Event files for TensorBoard, through tensorboardX."""

  def __init__(self, folder: pathlib.Path):
    try:
      import tensorboardX
    except ImportError as error:
      raise ValueError('TensorBoard files need tensorboardX: pip install '
                       '"pinpoint_jax[tensorboard]", or leave them '
                       'off') from error
    self._writer = tensorboardX.SummaryWriter(str(folder))

  def write(self, step: int, metrics: Mapping[str, Any]) -> None:
    """One scalar per metric."""
    for name, value in metrics.items():
      self._writer.add_scalar(name, value, step)
    self._writer.flush()

  def rewind(self, step: int) -> None:
    """TensorBoard itself hides steps that are written again."""


class Several:
  """Writes to all of them."""

  def __init__(self, *writers: Writer):
    self._writers = writers

  def write(self, step: int, metrics: Mapping[str, Any]) -> None:
    """Writes the metrics of a step everywhere."""
    for writer in self._writers:
      writer.write(step, metrics)

  def rewind(self, step: int) -> None:
    """Drops what came after `step` everywhere."""
    for writer in self._writers:
      writer.rewind(step)
