"""What processes agree on while they train: once for all, now and then."""

import types

import jax
import numpy as np
from pinpoint_jax.parallel import processes
from pinpoint_jax.train import loop, metrics_writer
from pinpoint_jax.train.checkpoints import manager
import pytest


class Batches:
  """Numbers, one after the other."""

  rows_per_step = 1

  def __init__(self):
    self.step = 0

  def __next__(self):
    self.step += 1
    return np.float32(self.step)

  def state(self):
    return {'step': self.step}

  def restore(self, state):
    self.step = state['step']

  def describe(self, batch):
    return batch


class Evaluator:
  """Figures that are given."""

  name, every = 'v', 1

  def __init__(self, *figures):
    self._figures = iter(figures)

  def run(self, state):
    return {'score': next(self._figures)}


def run(folder, num_steps, *figures, **settings):
  evaluators = [Evaluator(*figures)] if figures else []
  return loop.Run(
      {'sum': np.float32(0)},
      jax.jit(lambda state, x: ({'sum': state['sum'] + x}, {'loss': x})),
      Batches(), lambda batch: batch,
      loop.Settings(num_steps, save_every=0, **settings), folder,
      manager.Checkpoints(folder / 'checkpoints', asynchronous=False),
      manager.Checkpoints(folder / 'best', manager.Keep(1), False),
      metrics_writer.Several(), evaluators)


@pytest.fixture
def exchanges(monkeypatch):
  """As one of two processes: what it told the other, of which the answers."""
  told, answers = [], []
  def any_process(*flags):
    told.append(flags)
    return answers.pop(0) if answers else flags
  monkeypatch.setattr(loop, 'jax', types.SimpleNamespace(
      process_count=lambda: 2, process_index=lambda: 0))
  monkeypatch.setattr(processes, 'any_process', any_process)
  return told, answers


def saved(folder):
  return sorted(int(path.name) for path in folder.iterdir()
                if path.name.isdecimal())


def test_eight_steps_take_one_exchange(tmp_path, exchanges):
  told, _ = exchanges
  trained = run(tmp_path, 24)
  trained.train()
  assert told == [(False, False)] * 3
  assert float(trained.state['sum']) == sum(range(25))


def test_stopped_or_late_elsewhere_is_stopped_or_saved_here(
    tmp_path, exchanges):
  exchanges[1].extend([(False, True), (True, False)])
  with pytest.raises(loop.Interrupted, match='stopped after step 15 of 24'):
    run(tmp_path, 24).train()
  assert saved(tmp_path / 'checkpoints') == [8, 15]


def test_the_first_process_decides_which_checkpoint_is_best(
    tmp_path, monkeypatch):
  # To the other the second evaluation is as good as the first.
  monkeypatch.setattr(processes, 'by_first', lambda decide: 1)
  run(tmp_path, 2, 1.0, 1.0, best='v/score').train()
  assert saved(tmp_path / 'best') == [2]
  monkeypatch.undo()
  # No number is better than none, and hides no later one.
  run(tmp_path / 'alone', 3, 1.0, float('nan'), 2.0, best='v/score').train()
  assert saved(tmp_path / 'alone' / 'best') == [3]
