"""The other side of a comparison: a process that answers line by line.

It runs with the python of its own venv, where the libraries are that ours is
compared with, so that the two can take turns.
"""

from collections.abc import Callable, Iterator
import contextlib
import os
import pathlib
import subprocess

import threadpoolctl

SCRIPTS = pathlib.Path(__file__).parent / 'peers'


@contextlib.contextmanager
def asked(python: str, script: str,
          *words: str) -> Iterator[Callable[[str], str]]:
  """A function that hands the peer a line and returns the line it answers.

  Without a line it waits for one that the peer says by itself.
  """
  path = SCRIPTS / script
  with subprocess.Popen(
      [python, path, *words], text=True, stdin=subprocess.PIPE,
      stdout=subprocess.PIPE, env=environment()) as process:
    def ask(line: str = '') -> str:
      if line:
        process.stdin.write(line + '\n')
        process.stdin.flush()
      answer = process.stdout.readline()
      if not answer:
        raise RuntimeError(f'{path} stopped; run it with {python}')
      return answer.strip()
    with contextlib.closing(process.stdin):
      yield ask


def environment() -> dict[str, str]:
  """Of a peer's process: its OpenBLAS takes the kernels that numpy's takes.

  One that is older than the processor does not know it and takes those of
  twenty years ago: faiss-cpu 1.15.1 searches four times as slow then.
  """
  kernels = [library['architecture'] for library in
             threadpoolctl.threadpool_info()
             if library['internal_api'] == 'openblas']
  return {**os.environ,
          **({'OPENBLAS_CORETYPE': kernels[0]} if kernels else {})}
