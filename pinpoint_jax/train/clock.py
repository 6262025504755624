"""Where the time of a run went."""

from collections import Counter
from collections.abc import Iterator
import contextlib
import time


class Clock:
  """Seconds by purpose since the start, and rows since the last line."""

  def __init__(self):
    self._began = self._save = time.monotonic()
    self._line = 0.0  # Seconds of steps at the last line.
    self._seconds: Counter[str] = Counter()
    self.rows = 0
    self.compiled = False

  @contextlib.contextmanager
  def spent(self, purpose: str) -> Iterator[None]:
    """Counts the time of its body to `purpose`."""
    started = time.monotonic()
    try:
      yield
    finally:
      self._seconds[purpose] += time.monotonic() - started

  def line(self) -> dict[str, float]:
    """Rate since the last call; shares of the time since the start.

    goodput is what is left for steps after compiling, waiting for data,
    evaluating and saving. The rate leaves out compiling, evaluating, saving.
    """
    wall = max(time.monotonic() - self._began, 1e-9)
    steps = wall - self._seconds.total()
    working = steps + self._seconds['data']
    rate = self.rows / max(working - self._line, 1e-9)
    self.rows, self._line = 0, working
    return {
        'samples_per_s': round(rate, 2),
        'goodput': round(steps / wall, 4),
        'data_wait': round(self._seconds['data'] / wall, 4),
        'compile_s': round(self._seconds['compile'], 2),
        'evaluation_s': round(self._seconds['evaluation'], 2),
        'save_s': round(self._seconds['save'], 2),
        'wall_s': round(wall, 2)}

  def since_save_s(self) -> float:
    """Seconds since the last save, or since the start."""
    return time.monotonic() - self._save

  def saved(self) -> None:
    """A save has just been made."""
    self._save = time.monotonic()
