"""Binaries run in forks of one warm process: seconds less for each run.

The parent imports what the binaries import and never touches a device, so it
has one thread and may be forked; the child is the binary, from its `__main__`.
"""

from collections.abc import Sequence
import contextlib
import dataclasses
import importlib
import os
import pathlib
import resource
import runpy
import signal
import sys
import time
import traceback
import warnings

# Of a child's addresses: a damaged size must not take the machine down.
_MOST_BYTES = 1 << 35


@dataclasses.dataclass(frozen=True)
class Done:
  """How a run ended; a negative code is the signal that ended it."""

  code: int
  stdout: str
  stderr: str
  seconds: float


def warm(modules: Sequence[str]) -> None:
  """Imports what the forks will run; refuses where threads have begun."""
  for module in modules:
    importlib.import_module(module)
  threads = len(os.listdir('/proc/self/task'))
  if threads > 1:
    raise RuntimeError(f'{threads} threads after the imports: a fork would '
                       f'inherit locks that nobody opens')


def run(module: str, words: Sequence[str], folder: pathlib.Path,
        timeout_s: float = 300) -> Done:
  """`python -m MODULE WORDS` in a fork; its words go to files in `folder`."""
  folder.mkdir(parents=True, exist_ok=True)
  out, err = folder / 'stdout', folder / 'stderr'
  sys.stdout.flush()
  sys.stderr.flush()
  begun = time.monotonic()
  pid = os.fork()
  if not pid:
    _be(module, words, out, err)
  code = _wait(pid, begun + timeout_s)
  return Done(code, out.read_text(errors='replace'),
              err.read_text(errors='replace'), time.monotonic() - begun)


def _be(module: str, words: Sequence[str], out: pathlib.Path,
        err: pathlib.Path) -> None:
  """The child, from here to its end: it never returns to the parent's code."""
  code = 1
  try:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in ((1, out), (2, err)):
      os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    # runpy warns that the module is there already, which is the point.
    warnings.filterwarnings('ignore', category=RuntimeWarning, module='runpy')
    sys.argv = [module, *words]
    runpy.run_module(module, run_name='__main__', alter_sys=True)
    code = 0
  except SystemExit as ended:
    code = _code(ended.code)
  except BaseException:
    traceback.print_exc()
  finally:
    try:
      sys.stdout.flush()
      sys.stderr.flush()
    finally:
      os._exit(code)


def _code(status: object) -> int:
  if status is None or isinstance(status, int):
    return int(status or 0)
  print(status, file=sys.stderr)
  return 1


def _wait(pid: int, deadline: float) -> int:
  look = os.WEXITED | os.WNOHANG | os.WNOWAIT
  try:
    while not os.waitid(os.P_PID, pid, look) and time.monotonic() < deadline:
      time.sleep(.01)
  finally:
    # Ended or not, its number is its own until it is waited for; what it has
    # left running goes with it.
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
      os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
  return os.waitstatus_to_exitcode(status)
