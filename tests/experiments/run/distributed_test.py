"""What ends several processes: a workdir not shared, one that fails or dies."""

import hashlib
import sys

from experiments.run import distributed
import jax
from jax.experimental import multihost_utils
from ml_collections import config_dict
import numpy as np
from pinpoint_jax.parallel import processes
import pytest

from tests.fixtures import processes as children
from tests.fixtures import tiny_training


@pytest.fixture
def second(monkeypatch):
  """As process 1 of two; the other has written to a folder of its own."""
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  monkeypatch.setattr(jax, 'process_index', lambda: 1)
  monkeypatch.setattr(processes, 'by_first', lambda decide: 1234)
  monkeypatch.setattr(processes, 'any_process', lambda *flags: flags)
  monkeypatch.setattr(distributed, '_SHARED_SECONDS', 0.0)


@pytest.mark.parametrize('name', ['', '.agreed_77'])
def test_a_folder_of_its_own_is_refused(second, tmp_path, name):
  workdir = tmp_path / 'w'
  if name:  # Of an earlier run.
    workdir.mkdir()
    (workdir / name).touch()
  with pytest.raises(ValueError, match=f'--workdir={workdir}: not every '
                     'process sees the files'):
    distributed.check_shared(workdir, '--workdir')


def test_a_shared_folder_passes(second, tmp_path):
  (tmp_path / '.agreed_1234').touch()
  distributed.check_shared(tmp_path, '--workdir')


def test_what_another_process_misses_is_refused_here_too(
    second, tmp_path, monkeypatch):
  (tmp_path / '.agreed_1234').touch()
  monkeypatch.setattr(processes, 'any_process', lambda *_: (True,))
  with pytest.raises(ValueError, match='--config.shortlists=.*not every'):
    distributed.check_shared(tmp_path, '--config.shortlists')


def test_the_first_process_leaves_nothing_behind(
    second, tmp_path, monkeypatch):
  monkeypatch.setattr(jax, 'process_index', lambda: 0)
  monkeypatch.setattr(processes, 'by_first', lambda decide: decide())
  distributed.check_shared(tmp_path / 'new', '--workdir')
  assert not list((tmp_path / 'new').iterdir())


def test_one_process_writes_nothing(tmp_path):
  distributed.check_shared(tmp_path, '--workdir')
  assert not list(tmp_path.iterdir())


_PROCESS = '''
import os, sys
from experiments.configs import common
from experiments.run import distributed, launch
from pinpoint_jax.parallel import processes
address, index, end = sys.argv[1], int(sys.argv[2]), sys.argv[3]
config = common.train(1)
config.distributed = common.distributed()
config.distributed.update(
    coordinator=address, num_processes=2, process_id=index)
def main(_):
  with distributed.joined(config):
    processes.any_process(True)
    if index == 1 and end == 'dies':
      os._exit(9)
    if index == 1:
      raise ValueError('its own trouble')
    processes.any_process(True)
launch._guarded(main, launch.Run(None, {}, None), False)
'''


@pytest.mark.slow
@pytest.mark.parametrize('end', ['dies', 'fails'])
def test_one_that_is_gone_leaves_none_waiting(end):
  (first, _, errors), (second, _, own) = children.ended(children.start(
      2, lambda address, index: [
          sys.executable, '-c', _PROCESS, address, str(index), end],
      tiny_training.environment()))
  assert first == 1 and errors.splitlines()[-1].startswith(
      'error: another process has ended or does not answer (')
  assert 'Traceback' not in errors
  if end == 'fails':
    assert second == 1 and own.splitlines()[-1] == 'error: its own trouble'


def test_other_files_on_a_process_are_named(second, monkeypatch):
  others = []
  monkeypatch.setattr(multihost_utils, 'process_allgather',
                      lambda digest: np.stack([*others, digest]))
  others = [np.frombuffer(hashlib.sha256(b'["a", 1]').digest(), np.uint32)]
  distributed.check_same('a gallery', ['a', 1])
  with pytest.raises(ValueError, match='process 1 has a gallery that'):
    distributed.check_same('a gallery', ['a', 2])


def test_only_the_first_process_speaks(second, monkeypatch, capsys):
  for index in (1, 0):
    monkeypatch.setattr(jax, 'process_index', lambda index=index: index)
    with distributed.only_first_speaks():
      print(f'process {index}')
  assert capsys.readouterr().out == 'process 0\n'


@pytest.mark.parametrize('stops_alone', [True, False])
def test_who_is_stopped_alone_does_not_wait(second, monkeypatch, stops_alone):
  left = []
  monkeypatch.setattr(distributed, 'begin', lambda config: None)
  monkeypatch.setattr(distributed.atexit, 'register',
                      lambda *words: left.append(words[1:]))
  with pytest.raises(SystemExit):
    with distributed.joined(config_dict.ConfigDict(), stops_alone):
      raise SystemExit(143)
  assert left == ([(0., 143)] if stops_alone else [])
