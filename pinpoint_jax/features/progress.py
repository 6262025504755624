"""How far a long job is: one live line on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
import contextlib
import sys
import time

_EVERY_S = {True: 1.0, False: 20.0}


class Progress:
  """Counts images and says how many a second, time left, waiting for what."""

  def __init__(self, total: int, stream=None, unit: str = 'images'):
    self._total, self._stream = total, stream or sys.stderr
    self._unit = unit
    self._live = self._stream.isatty()
    self._begun = self._said = time.monotonic()
    self._waited: dict[str, float] = {}
    self.done = 0

  def add(self, count: int) -> None:
    """So many more images are done; says so now and then."""
    self.done += count
    if time.monotonic() - self._said >= _EVERY_S[self._live]:
      self._said = time.monotonic()
      print('\r' + self.line().ljust(79) if self._live else self.line(),
            end='' if self._live else '\n', file=self._stream, flush=True)

  @contextlib.contextmanager
  def waiting(self, what: str) -> Iterator[None]:
    """Counts the time spent inside as waiting for `what`."""
    begun = time.monotonic()
    try:
      yield
    finally:
      self._waited[what] = (self._waited.get(what, 0.0)
                            + time.monotonic() - begun)

  def rate(self) -> float:
    """Images per second so far."""
    return self.done / max(time.monotonic() - self._begun, 1e-9)

  def line(self) -> str:
    """Images done, rate, time left, shares of waiting."""
    spent = max(time.monotonic() - self._begun, 1e-9)
    left = (self._total - self.done) / max(self.rate(), 1e-9)
    shares = ', '.join(f'{what} {100 * time_s / spent:.0f} %'
                       for what, time_s in sorted(self._waited.items()))
    return (f'{self.done:,} of {self._total:,} {self._unit}, '
            f'{self.rate():.1f}/s, {left:.0f} s left; '
            f'waited for {shares or "nothing"}')

  def finish(self) -> None:
    """Says the last word."""
    print(('\r' if self._live else '') + self.line(), file=self._stream,
          flush=True)
