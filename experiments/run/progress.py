"""Lines that tell a person how far a run is; metrics.jsonl has every figure."""

from collections.abc import Iterable, Mapping
import time
from typing import Any

_WIDTH = 100
# What people read first, of a step and of an evaluation.
_FIRST = ('loss', 'acc@1km', 'acc@25km', 'geoscore', 'median_km')


class Steps:
  """One line per report: step, loss, rate and time left, or figures."""

  def __init__(self, num_steps: int):
    self._num_steps = num_steps
    self._first: tuple[int, float] | None = None

  def __call__(self, step: int, metrics: Mapping[str, Any]) -> None:
    now = time.monotonic()
    if self._first is None:
      self._first = step, now
    head = f'step {step}/{self._num_steps}'
    if 'loss' in metrics:
      words = [f'loss {metrics["loss"]:.4g}']
      if rate := metrics.get('samples_per_s'):
        words.append(f'{rate:,.0f} samples/s')
      print(line([head, *words, *self._left(step, now)]), flush=True)
      return
    for name in dict.fromkeys(key.rpartition('/')[0] for key in metrics):
      figures = {key.rpartition('/')[2]: value for key, value in
                 metrics.items() if key.rpartition('/')[0] == name}
      # The sort keeps the order of what nobody reads first.
      ranked = sorted(figures, key=lambda key: _FIRST.index(key) if key in
                      _FIRST else len(_FIRST))
      print(line([head, name, *(_figure(key, figures[key])
                                for key in ranked)]), flush=True)

  def _left(self, step: int, now: float) -> list[str]:
    begun, since = self._first
    if step == begun:
      return []
    seconds = (now - since) / (step - begun) * (self._num_steps - step)
    return [f'{duration(seconds)} left']


def line(words: Iterable[str]) -> str:
  """The words, as many as fit into a line."""
  text = ''
  for word in filter(None, words):
    longer = f'{text}  {word}' if text else word
    if len(longer) > _WIDTH:
      break
    text = longer
  return text


def duration(seconds: float | int) -> str:
  """Seconds as a person says them: 12 s, 3 min, 1 h 05 min."""
  minutes = round(seconds / 60)
  if seconds < 90:
    return f'{seconds:.0f} s'
  return f'{minutes} min' if minutes < 60 else (
      f'{minutes // 60} h {minutes % 60:02d} min')


def _figure(name: str, value: float | int) -> str:
  return (f'{name} {100 * value:.1f} %' if name.startswith('acc@')
          else f'{name} {value:.4g}')
