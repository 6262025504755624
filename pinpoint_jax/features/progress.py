"""How far a long job is: one live line on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Iterator
import contextlib
import io
import sys
import time

import tqdm

_LINE = '{n:,} of {total:,}, {rate_noinv_fmt}, {remaining} left{postfix}'


class Progress(tqdm.tqdm):
  """A tqdm line with the rate, the time left and the shares of waiting."""

  monitor_interval = 0  # No thread of its own: `add` is called often enough.

  def __init__(self, total: int, stream: io.TextIOBase | None = None,
               unit: str = 'images'):
    stream = stream or sys.stderr
    self._live = stream.isatty()
    self._waited_s: Counter[str] = Counter()
    super().__init__(
        total=total, file=stream, unit=f' {unit}', bar_format=_LINE,
        mininterval=1 if self._live else 20, miniters=1, smoothing=0,
        leave=self._live)

  def display(self, msg: str | None = None, pos: int | None = None) -> None:
    """Shows the line; tqdm calls this when it is time to."""
    if self._live:
      super().display(msg, pos)
    elif msg is None and self.n:
      print(self, file=self.fp, flush=True)

  def add(self, count: int) -> None:
    """Counts so many more as done; shows the line now and then."""
    elapsed_s = max(self.format_dict['elapsed'], 1e-9)
    shares = ', '.join(f'{reason} {time_s / elapsed_s:.0%}'
                       for reason, time_s in sorted(self._waited_s.items()))
    if shares:
      self.set_postfix_str(f'waiting: {shares}', refresh=False)
    self.update(count)

  @contextlib.contextmanager
  def waiting(self, reason: str) -> Iterator[None]:
    """Counts the time spent inside as waiting for `reason`."""
    begun = time.monotonic()
    try:
      yield
    finally:
      self._waited_s[reason] += time.monotonic() - begun

  def finish(self) -> None:
    """Shows the last line, if it is not there."""
    if not self._live and self.last_print_n != self.n:
      self.display()  # On a terminal `close` does.
    self.close()
