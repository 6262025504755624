"""Why a training query must not find itself: trained so, it chooses worse.

A world in which the raw channel knows the town and the image channel knows
nothing but who is who: of oneself it is sure, of all others it guesses.
"""

import jax
import numpy as np
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.models import layers
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.rerank import light_features, scoring
from pinpoint_jax.search import exact, row_sets
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import reranker as training
import pytest

from tests.fixtures import tiny_ranking as tiny

ROWS, TOWNS, DIM, K, STEPS, BATCH = 600, 25, 24, 8, 60, 64


def unit(x):
  return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def world():
  """Places, image vectors, raw vectors, and another raw photo of each."""
  rng = np.random.default_rng(0)
  town = rng.integers(0, TOWNS, ROWS)
  places = (rng.uniform([-60, -170], [60, 170], (TOWNS, 2))[town]
            + rng.normal(0, .02, (ROWS, 2)))
  of_town = rng.normal(size=(TOWNS, DIM))[town]
  noisy = lambda: unit(of_town + 1.2 * rng.normal(size=(ROWS, DIM)))
  return places, unit(rng.normal(size=(ROWS, DIM))), noisy(), noisy()


def lists(queries, leave_one_out):
  """A Batch and the distances of some rows that search all rows."""
  places, image, raw, raw_asked = world()
  asked = {'image': image[queries], 'raw': raw_asked[queries]}
  hidden = row_sets.own_rows(queries) if leave_one_out else None
  vectors = {'image': image, 'raw': raw}
  result = shortlist.build(
      {name: exact.search(asked[name], z, K, hidden)
       for name, z in vectors.items()},
      shortlist.Queries(asked['image'], asked['raw']),
      lambda name, z, query, row: np.einsum(
          'md,md->m', z[query], vectors[name][row]), tuple(vectors))
  rows, sims = result.rows, result.similarities
  safe = np.maximum(rows, 0)
  features = light_features.features(
      result, places[safe], np.ones((*rows.shape, 2, 2), np.int32))
  same = np.linalg.norm(places[safe] - places[queries][:, None], axis=-1) < 1
  valid = rows >= 0
  return {'batch': scoring.Batch(
      np.where(valid[..., None], sims, 0.), valid,
      np.zeros((*valid.shape, 0), np.float32), features=features),
          'dist_km': np.where(same, 1., 5000.).astype(np.float32)}


def trained_on(given):
  module, mesh = tiny.model('light', widths=(16,)), meshes.make(1)
  norms = {'features_norm': layers.fit_standardise(given['batch'].features,
                                                   given['batch'].valid)}
  method = optimizers.make(optimizers.Settings(learning_rate=2e-2), STEPS)
  now = training.make_state(module, tiny.DIMS, norms, method, 0, mesh)
  step = training.make_step(module, method, training.Objective(), 0, mesh, now)
  rng = np.random.default_rng(0)
  for _ in range(STEPS):
    at = rng.integers(0, len(given['dist_km']), BATCH)
    batch = scoring.Batch(
        given['batch'].similarities[at], given['batch'].valid[at],
        given['batch'].columns[at], features=given['batch'].features[at])
    now, _ = step(now, arrays.put_batch(
        {'batch': batch, 'dist_km': given['dist_km'][at]}, mesh))
    jax.block_until_ready(now)  # Steps that pile up can wait for ever.
  return scoring.Scorer(module, None), now.ema


@pytest.mark.slow
def test_a_reranker_that_learned_to_find_itself_is_worse_on_strangers():
  learn, others = np.arange(400), lists(np.arange(400, ROWS), True)
  right = {}
  for rule in (True, False):
    scorer, params = trained_on(lists(learn, rule))
    best = scorer(params, others['batch']).argmax(axis=1)
    right[rule] = np.mean(
        others['dist_km'][np.arange(len(best)), best] < 25)
  print(right)
  assert 1 - right[False] > 1.5 * (1 - right[True])
