"""Which engine is kept, and what the record of its index says."""

import dataclasses

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import (
  ann,
  ann_choice,
  ann_files,
  ann_scann,
  ann_tuning,
  vectors,
)
import pytest

ROWS = np.eye(8, dtype=np.float32)
# Row 0 is the best of all eight, row 7 the last.
ASKED = np.tile(np.linspace(1, .3, 8, dtype=np.float32), (2, 1))


@dataclasses.dataclass
class Engine:
  """Finds its share of the answers: as many leaves, as many of eight."""

  engine: str
  settings: ann.Settings = ann.Settings(8, reorder=8)
  most: int = 8
  tuning: dict | None = None

  def __len__(self) -> int:
    return 8

  @property
  def dim(self) -> int:
    return 8

  def search(self, queries, k):
    rows = np.tile(np.arange(k), (len(queries), 1))
    found = min(self.settings.leaves_to_search, self.most) * k // 8
    rows[:, found:] = -1
    return types.Candidates(rows, np.zeros(rows.shape, np.float32))

  def save(self, folder):
    raise NotImplementedError

  def with_effort(self, leaves_to_search, reorder):
    return dataclasses.replace(
        self, settings=self.settings.with_effort(leaves_to_search, reorder))

  def with_tuning(self, tuning):
    return dataclasses.replace(self, tuning=tuning)


def choose(*engines: Engine, target: float = 1.) -> ann_choice.Choice:
  return ann_choice.choose(
      engines, ann_tuning.ask(ASKED, ROWS, 8), target)


@pytest.mark.parametrize('rates, current, kept, reason', [
    ({'scann': 100.}, 'scann', 'scann', 'scann is the only engine'),
    ({'scann': 100., 'faiss': 150.}, 'scann', 'faiss',
     'faiss answers 1.50 times as many queries a second as scann'),
    ({'scann': 100., 'faiss': 104.}, 'scann', 'scann',
     'faiss answers only 1.04 times as many'),
    ({'scann': 200., 'faiss': 100.}, 'scann', 'scann',
     'scann answers 2.00 times as many queries a second as faiss'),
    ({'scann': 100., 'faiss': 104.}, 'faiss', 'faiss',
     'faiss answers 1.04 times as many'),
])
def test_another_engine_must_be_worth_the_change(rates, current, kept, reason):
  name, why = ann_choice.fastest(rates, current)
  assert name == kept and why.startswith(reason)


def test_the_kept_one_has_the_effort_that_reaches_the_recall():
  choice = choose(Engine('scann'), target=.5)
  assert choice.index.settings.leaves_to_search >= 4
  assert choice.index.tuning['engines']['scann']['recall'] >= .5
  assert choice.index.tuning['recall'] == .5 and choice.index.tuning['k'] == 8


def test_an_engine_that_misses_the_recall_is_named_and_not_taken():
  choice = choose(Engine('scann', most=4), Engine('faiss'))
  assert choice.index.engine == 'faiss'
  assert 'recall 1.0 is not reached' in choice.index.tuning['missed']['scann']
  assert list(choice.tuned) == ['faiss']


def test_without_any_that_reaches_it_all_are_named():
  with pytest.raises(ann_tuning.NotReached, match='scann: recall.*; faiss: '):
    choose(Engine('scann', most=4), Engine('faiss', most=2))


def test_the_record_on_disk_says_why(tmp_path):
  rows = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)
  built = ann_scann.ScannIndex.build(
      vectors.Vectors(rows), ann.Settings(8, reorder=10), 'f')
  built.save(tmp_path / 'plain')
  assert ann_files.read(tmp_path / 'plain').tuning is None
  choice = ann_choice.choose(
      [built], ann_tuning.ask(rows[:9], rows, 5), .9)
  choice.index.save(tmp_path / 'tuned')
  loaded = ann_scann.ScannIndex.load(tmp_path / 'tuned')
  assert loaded.tuning == choice.index.tuning
  assert loaded.tuning['reason'] == (
      'scann is the only engine that was compared')
  # Another effort is another index: nobody has measured that.
  assert loaded.with_effort(1, 10).tuning is None
