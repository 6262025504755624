"""A command in a process of its own: its time, its memory, and a limit to both.

Peaks are read from /proc while it runs: what it holds itself, and that with the
pages of the files it has mapped, which the system may take back.
"""

from collections.abc import Sequence
import os
import pathlib
import platform
import resource
import signal
import subprocess
import time

_EVERY_S = 0.2


def run(command: Sequence[str], limit_s: float, log: pathlib.Path) -> dict:
  """Runs it, with what it says in `log`; how it ended and what it took.

  `ended` is done, failed or out of time; all of its processes end with it.
  """
  before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
  anonymous = mapped = 0
  ended = ''
  log.parent.mkdir(parents=True, exist_ok=True)
  with log.open('w') as said, subprocess.Popen(
      command, stdout=said, stderr=subprocess.STDOUT,
      start_new_session=True) as child:
    while child.poll() is None:
      held = _memory_kb(child.pid)
      anonymous = max(anonymous, held.get('RssAnon', 0))
      mapped = max(mapped, held.get('VmHWM', 0))
      if time.monotonic() - begun > limit_s:
        ended = 'out of time'
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
      time.sleep(_EVERY_S)
  after = resource.getrusage(resource.RUSAGE_CHILDREN)
  return dict(
      ended=ended or ('failed' if child.returncode else 'done'),
      wall_s=round(time.monotonic() - begun, 1),
      cpu_s=round(after.ru_utime + after.ru_stime
                  - before.ru_utime - before.ru_stime, 1),
      peak_gib=round(anonymous / 2**20, 2),
      peak_with_files_gib=round(mapped / 2**20, 2))


def busy_cores(seconds: float = 2.) -> float:
  """Cores that are in use while this process waits: by others.

  Not the load: that remembers for minutes what ran before.
  """
  before = _core_seconds()
  time.sleep(seconds)
  return sum(after - then for after, then in zip(_core_seconds(), before)
             ) / seconds


def processor() -> str:
  """What the system calls its processor, '' where it does not say."""
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
  except OSError:
    return platform.processor()
  return next((line.partition(':')[2].strip() for line in lines
               if line.startswith('model name')), '')


def _core_seconds() -> list[float]:
  """Seconds that all cores have worked so far: user, nice, system."""
  fields = pathlib.Path('/proc/stat').read_text().split(maxsplit=4)[1:4]
  return [int(ticks) / os.sysconf('SC_CLK_TCK') for ticks in fields]


def _memory_kb(pid: int) -> dict[str, int]:
  """Entries of /proc/PID/status in KB; none where the process has ended."""
  try:
    lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
  except OSError:
    return {}
  return {name: int(value.split()[0]) for name, _, value in (
      line.partition(':') for line in lines) if value.endswith(' kB')}
