"""SIGTERM and Ctrl-C: every binary ends in one line, 143 and 130."""

import signal
import sys
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def exit_on_signals(advice: str = '') -> None:
  """From now on a signal ends the process, cleaning up on the way out.

  advice: what to do next, for the line that is printed.
  """
  def stop(number: int, _: FrameType | None) -> None:
    # Raised in the main thread: what is half written is removed.
    print(f'stopped by {signal.Signals(number).name}{advice}',
          file=sys.stderr, flush=True)
    sys.exit(128 + number)
  for number in SIGNALS:
    signal.signal(number, stop)


class Request:
  """Whether a signal has asked to stop; a second Ctrl-C stops at once."""

  def __init__(self):
    self.exit_code = 128 + signal.SIGTERM
    self._received = False
    for number in SIGNALS:
      signal.signal(number, self._receive)

  def __call__(self) -> bool:
    return self._received

  def _receive(self, number: int, _: FrameType | None) -> None:
    self._received, self.exit_code = True, 128 + number
    if number == signal.SIGINT:
      signal.signal(signal.SIGINT, signal.SIG_DFL)
      print('stopping and saving; Ctrl-C again stops at once',
            file=sys.stderr, flush=True)
