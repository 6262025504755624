"""Figures of held-out lists, by hand."""

import types as python_types

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import reranking
from pinpoint_jax.rerank import scoring
import pytest

KM = np.array([[.5, 300., 9000.], [9000., 20., 0.], [40., 1., np.inf],
               [np.inf] * 3], np.float32)
VALID = np.isfinite(KM)
# The network takes the first, then the second, then the first.
SCORES = np.where(VALID, [[3., 1, 2], [0, 1, 0], [2, 1, 0], [0, 0, 0]], -np.inf)
# The linear part takes the second, then the third, then the first.
LINEAR = np.where(VALID, [[0., 2, 0], [0, 0, 1], [1, 0, 0], [0, 0, 0]], -np.inf)
IMAGE = np.array([[0., 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)


class TrainingExamples:
  """Four queries; the last has no candidate."""

  def __len__(self):
    return 4

  def __getitems__(self, rows):
    sims = np.stack([IMAGE[rows]] * 3, -1) * [1., 0., 0.]
    return {'batch': scoring.Batch(
        sims.astype(np.float32), VALID[rows],
        np.zeros((len(rows), 3, 0), np.float32)), 'dist_km': KM[rows]}

  def photos(self, rows):
    names = np.array([f'q{i}' for i in rows])
    return types.Photos(names, np.zeros((len(rows), 2)), names, names, 'photo')


class Scorer(scoring.Scorer):
  """Scores that stand written above."""

  def __init__(self):
    pass

  def parts(self, params, batch):
    linear = LINEAR[:len(batch.valid)].astype(np.float32)
    network = np.where(VALID, SCORES - np.where(VALID, LINEAR, 0.), -np.inf)
    return scoring.Parts(
        linear, network[:len(batch.valid)].astype(np.float32))


@pytest.fixture
def figures():
  result = reranking.Reranking('v', 1, Scorer(), TrainingExamples(),
                               (1., 0., 0.),
                               reranking.reward_fn(.1, .2))
  return result.run(python_types.SimpleNamespace(ema={}))


def test_the_best_of_each_list_is_scored(figures):
  assert figures['num_queries'] == 3 and figures['without_candidates'] == 1
  # 0.5, 20 and 40 km.
  assert figures['acc@1km'] == pytest.approx(1 / 3)
  assert figures['acc@25km'] == pytest.approx(2 / 3)
  assert figures['geoscore'] == pytest.approx(
      5000 * np.exp(-np.array([.5, 20, 40]) / 1492.7).mean(), rel=1e-5)
  reward = .7 * np.exp(-np.array([.5, 20, 40]) / 1492.7)
  assert figures['reward'] == pytest.approx(
      (reward + [.3, .2, 0]).mean(), rel=1e-5)


def test_the_linear_part_is_scored_beside_it(figures):
  # 300, 0 and 40 km.
  assert figures['linear_acc@1km'] == pytest.approx(1 / 3)
  assert figures['linear_acc@25km'] == pytest.approx(1 / 3)
  assert figures['linear_acc@200km'] == pytest.approx(2 / 3)


def test_fusion_is_scored_beside_it(figures):
  # 300, 9000 and 1 km: one is not below 1.
  assert figures['fusion_acc@1km'] == 0
  assert figures['fusion_acc@25km'] == pytest.approx(1 / 3)
