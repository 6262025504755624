"""Parts of the demo that need not wait for each other, in processes.

A training or an evaluation keeps one and a half cores busy: two at a time are
done sooner than one after the other, with the same figures.
"""

from collections.abc import Callable, Mapping
from concurrent import futures
import contextlib
import multiprocessing
import os
import pathlib
import signal
import time
from typing import Any

from absl import logging
import jax

# A function at the top of its module, and what it is called with.
Job = tuple[Callable[..., Any], tuple[Any, ...]]


class Jobs:
  """Runs jobs in that many processes; with 0 here, one after the other."""

  def __init__(self, folder: pathlib.Path, processes: int):
    """What jobs print goes to `folder`, a file each."""
    if processes:  # The first to use a GPU would take most of its memory.
      os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
    self._folder = folder
    self._pool = futures.ProcessPoolExecutor(
        processes, multiprocessing.get_context('spawn'), _begin,
        (jax.config.jax_compilation_cache_dir,)) if processes else None

  def __enter__(self) -> 'Jobs':
    return self

  def __exit__(self, *raised: object) -> None:
    if self._pool:
      if raised[0] is not None:  # Nobody waits for what the others compute.
        for child in multiprocessing.active_children():
          child.terminate()
      self._pool.shutdown(cancel_futures=True)

  def run(self, jobs: Mapping[str, Job]) -> list[Any]:
    """What each job returned, in order; one line when one is done."""
    if self._pool is None:
      return [function(*arguments) for function, arguments in jobs.values()]
    self._folder.mkdir(parents=True, exist_ok=True)
    print(f'  what each says is in {self._folder}', flush=True)
    # Workers inherit it: Ctrl-C reaches this process, which ends them.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    running = {self._pool.submit(_run, self._log(name), *job): name
               for name, job in jobs.items()}
    signal.signal(signal.SIGINT, handler)
    for number, future in enumerate(futures.as_completed(running), 1):
      name = running[future]
      if future.exception():
        raise ValueError(f'{name}: {future.exception()}; what it said is in '
                         f'{self._log(name)}') from future.exception()
      print(f'  {name}: {future.result()[1]:.0f} s ({number} of {len(jobs)})',
            flush=True)
    return [future.result()[0] for future in running]

  def _log(self, name: str) -> pathlib.Path:
    return self._folder / f'{name.replace(" ", "_").replace(",", "")}.txt'


def _begin(compiled: str | None) -> None:
  """What one process has compiled the other need not."""
  jax.config.update('jax_compilation_cache_dir', compiled)
  logging.set_verbosity(logging.WARNING)


def _run(log: pathlib.Path, function: Callable[..., Any],
         arguments: tuple[Any, ...]) -> tuple[Any, float]:
  begun = time.monotonic()
  with (log.open('w', buffering=1, encoding='utf-8') as file,
        contextlib.redirect_stdout(file), contextlib.redirect_stderr(file)):
    result = function(*arguments)
  return result, time.monotonic() - begun
