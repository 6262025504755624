"""A small embedder and batches it can learn, for tests of its training."""

import functools

from flax import core
import jax
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.train import embedder as training
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import state as states

DIM, ROWS, STEPS = 6, 32, 40
# Frozen: a module with a plain dict cannot be a key of a cache.
frozen = core.FrozenDict
LOCATION = frozen(hidden=16, depth=0, log2_sigmas=(0, 2), num_waves=4)
SETTINGS = dict(learning_rate=1e-2, warmup=0.0)


def model(**changes):
  fields = dict(sources=('photo',), dim=8, hidden=16, adapter_depth=1,
                trunk_depth=1, expansion=2, dropout=0.0,
                location_options=LOCATION)
  return embedders.Embedder(**fields | changes)


def batch(seed=0, sources=('photo',), rows=ROWS):
  """Features that are a fixed linear map of where they are from."""
  rng, found = np.random.default_rng(seed), {}
  to_feature = np.random.default_rng(99).normal(size=(3, DIM))
  for source in sources:
    xyz = coords.to_xyz(np.stack([rng.uniform(-80, 80, rows),
                                  rng.uniform(-180, 180, rows)], axis=1))
    found[source] = {'features': (xyz @ to_feature).astype(np.float16),
                     'xyz': xyz.astype(np.float32)}
  return found


@functools.cache
def _first_params(module):
  given = batch(sources=module.sources, rows=1)
  features = {s: x['features'] for s, x in given.items()}
  places = {s: x['xyz'] for s, x in given.items()}
  # These bits compile in a third of the time of the default ones.
  key = jax.random.key(0, impl='rbg')
  made = jax.jit(module.init)(key, features, places)
  return jax.device_get(made['params'])


def first_params(**changes):
  """Parameters of model(**changes) as numpy; those of seed 0."""
  # What is unlike only in dropout or dtype begins alike.
  changes = {k: v for k, v in changes.items() if k not in ('dropout', 'dtype')}
  return _first_params(model(**changes))


def state(mesh, optimizer, objective=None, **changes):
  """As training.make_state, but compiled once for all meshes."""
  params = first_params(**changes)
  sources = model(**changes).sources
  size = objective.queue if objective else 0
  queue = {s: np.zeros((size, 3), np.float32) for s in sources} if size else {}
  made = states.TrainState(np.zeros((), np.int32), params, params,
                           jax.device_get(optimizer.init(params)), queue)
  # A copy: steps give their input's memory away.
  return jax.tree.map(lambda x: x.copy(), jax.device_put(
      made, states.shardings(made, mesh)))


def run(num_steps, mesh=None, objective=None, settings=None, vary=True,
        **changes):
  """States and metrics after each of some steps, as numpy, and the step."""
  mesh = mesh or meshes.make(1)
  objective = objective or training.Objective()
  optimizer = optimizers.make(
      optimizers.Settings(**SETTINGS | (settings or {})), STEPS)
  now = state(mesh, optimizer, objective, **changes)
  module = model(**changes)
  step = training.make_step(module, optimizer, objective, 0, mesh, now)
  found = []
  for i in range(num_steps):
    given = arrays.put_batch(batch(i if vary else 0, module.sources), mesh)
    now, metrics = step(now, given)
    found.append(jax.device_get((now, metrics)))
  return found, step


def flat(tree):
  """{path: array} of a tree."""
  return {jax.tree_util.keystr(path, simple=True, separator='/'):
          np.asarray(leaf)
          for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
