"""Jobs side by side: what they return, where they fail, what they share."""

import os

from experiments.demo_stages import jobs
import pytest


def memory_asked_for(name: str) -> tuple[str, str]:
  print(f'{name} was here')
  return name, os.environ.get('XLA_PYTHON_CLIENT_PREALLOCATE', 'all')


def failing() -> None:
  raise ValueError('no such place')


@pytest.mark.slow
@pytest.mark.parametrize('set_before, processes, expected', [
    (None, 0, 'all'), (None, 2, 'false'), ('true', 2, 'true')])
def test_jobs_side_by_side_do_not_take_a_whole_gpu(
    tmp_path, monkeypatch, set_before, processes, expected):
  # Set and taken back, so that the test leaves nothing behind.
  monkeypatch.setenv('XLA_PYTHON_CLIENT_PREALLOCATE', set_before or '')
  if set_before is None:
    del os.environ['XLA_PYTHON_CLIENT_PREALLOCATE']
  with jobs.Jobs(tmp_path, processes) as pool:
    done = pool.run({name: (memory_asked_for, (name,)) for name in 'ab'})
  assert done == [('a', expected), ('b', expected)]
  if processes:
    assert (tmp_path / 'a.txt').read_text() == 'a was here\n'


def test_a_job_that_fails_is_named_with_its_log(tmp_path):
  with pytest.raises(ValueError, match='part two: no such place; what it said '
                     'is in .*part_two.txt'), jobs.Jobs(tmp_path, 1) as pool:
    pool.run({'part two': (failing, ())})
