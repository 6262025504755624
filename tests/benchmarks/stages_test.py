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


def test_the_processor_is_named(monkeypatch):
  monkeypatch.setattr(
      stages.pathlib.Path, 'read_text', lambda self: (
          'processor\t: 0\nmodel name\t: Abacus 12\nflags\t: fpu\n'
          'model name\t: Abacus 12\n'))
  assert stages.processor() == 'Abacus 12'


def test_cores_of_others_are_counted(monkeypatch):
  # 100 + 50 + 50 hundredths in two seconds: user, nice and system count, time
  # that is idle or waits for a disk does not.
  monkeypatch.setattr(stages.os, 'sysconf', lambda name: 100)
  texts = iter(['cpu  1000 50 200 99999 5 0 0',
                'cpu  1100 100 250 99999 5 0 0'])
  monkeypatch.setattr(stages.pathlib.Path, 'read_text',
                      lambda self: next(texts))
  monkeypatch.setattr(stages.time, 'sleep', lambda seconds: None)
  assert stages.busy_cores(2.) == 1.
