"""Progress: one live line on a terminal, plain lines elsewhere."""

import io
import time

from pinpoint_jax.features import progress
import pytest


class Terminal(io.StringIO):

  def isatty(self):
    return True


def shown(stream, num_steps=4):
  bar = progress.Progress(4000, stream, 'photos')
  bar.mininterval = 0  # Shows every step.
  for _ in range(num_steps):
    with bar.waiting('device'):
      time.sleep(0.001)
    bar.add(1000)
  bar.finish()
  return stream.getvalue()


def test_a_terminal_keeps_one_line():
  text = shown(Terminal())
  assert text.count('\n') == 1 and text.endswith('\n')
  last = text.rstrip().rsplit('\r', 1)[-1]
  assert last.startswith('4,000 of 4,000, ')
  assert ' photos/s, 00:00 left, waiting: device ' in last


def test_a_file_gets_plain_lines():
  lines = shown(io.StringIO()).splitlines()
  assert len(lines) == 4 and '\r' not in ''.join(lines)
  assert [line.split(',', 2)[0] for line in lines[:2]] == ['1', '2']
  assert all(line and len(line) <= 100 for line in lines)


def test_a_short_job_is_one_line_in_a_file():
  stream = io.StringIO()
  bar = progress.Progress(3, stream)
  bar.add(1)
  bar.add(2)
  bar.finish()
  line, = stream.getvalue().splitlines()
  assert line.startswith('3 of 3, ') and line.endswith(' left')


def test_shares_are_of_the_time_since_the_start(monkeypatch):
  clock = [0.0]
  monkeypatch.setattr(progress.time, 'monotonic', lambda: clock[0])
  bar = progress.Progress(10, io.StringIO())
  bar._time = lambda: clock[0]
  bar.start_t = bar.last_print_t = 0.0
  with bar.waiting('images'):
    clock[0] = 3.0
  clock[0] = 4.0
  bar.add(5)
  assert str(bar) == '5 of 10,  1.25 images/s, 00:04 left, waiting: images 75%'


def test_an_exception_ends_the_waiting():
  bar = progress.Progress(1, io.StringIO())
  with pytest.raises(RuntimeError), bar.waiting('device'):
    raise RuntimeError
  assert bar._waited_s['device'] > 0
