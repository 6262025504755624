"""Lines that tell a person how far a run is."""

from collections.abc import Mapping
import sys
import time
from typing import Any


class Steps:
  """One line per report: step, time left, figures."""

  def __init__(self, num_steps: int):
    self._num_steps = num_steps
    self._first: tuple[int, float] | None = None

  def __call__(self, step: int, metrics: Mapping[str, Any]) -> None:
    now = time.monotonic()
    if self._first is None:
      self._first = step, now
    shown = ' '.join(f'{name}={value:.4g}' for name, value in metrics.items())
    print(f'step {step}/{self._num_steps}{self._left(step, now)} {shown}',
          flush=True, file=sys.stdout)

  def _left(self, step: int, now: float) -> str:
    begun, since = self._first
    if step == begun:
      return ''
    left = (now - since) / (step - begun) * (self._num_steps - step)
    return f' ({left:.0f} s left)'
