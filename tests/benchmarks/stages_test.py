"""A command with a limit: how it ends is told, and nothing of it stays."""

import pathlib
import sys

from benchmarks import stages
from tests.fixtures import limits


def run(code: str, folder: pathlib.Path, limit_s: float) -> dict:
  return stages.run([sys.executable, '-c', code], limit_s, folder / 'log.txt')


def test_done_and_failed_are_told_apart(tmp_path):
  assert run('print("said")', tmp_path, limits.SECONDS)['ended'] == 'done'
  assert (tmp_path / 'log.txt').read_text() == 'said\n'
  assert run('raise SystemExit(3)', tmp_path, limits.SECONDS)['ended'] == (
      'failed')


def test_what_takes_too_long_is_ended(tmp_path):
  assert run('import time; time.sleep(3600)', tmp_path, 0.)['ended'] == (
      'out of time')


def test_the_peak_is_what_the_process_held(tmp_path):
  # 512 MiB, each page touched.
  took = run('x = bytearray(b"1") * 2**29; import time; time.sleep(1)',
             tmp_path, limits.SECONDS)
  assert 0.5 <= took['peak_gib'] < 0.7
