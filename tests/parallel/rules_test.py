"""Sharding rules: the first that matches, or none and an error with the path.

The golden file freezes where every array of the default embedder lies.
"""

import json

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.parallel import rules
from pinpoint_jax.train import embedder as training
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import state as states
import pytest

from tests.fixtures import tiny_embedder as tiny

TREE = {'trunk': [{'kernel': jnp.zeros((3, 4)), 'bias': jnp.zeros(4)}]}
RULES = (('kernel$', (None, 'fsdp')), ('.*', ()))


def test_the_first_rule_that_matches_decides():
  result = rules.shardings(TREE, RULES, meshes.make(4, 2))['trunk'][0]
  assert result['kernel'].spec == PartitionSpec(None, 'fsdp')
  assert result['bias'].spec == PartitionSpec()
  # Two of the four outputs on each device of a pair.
  assert result['kernel'].shard_shape((3, 4)) == (3, 2)
  swapped = rules.shardings(TREE, RULES[::-1], meshes.make(4, 2))
  assert swapped['trunk'][0]['kernel'].spec == PartitionSpec()


@pytest.mark.parametrize('pattern, axes, words', [
    ('kernel$', (), r"trunk/0/bias \[4\]: no sharding rule matches; the rules "
     r"are \['kernel\$'\]"),
    ('.*', ('fsdp', None), r'trunk/0/bias \[4\]: rule .* names 2 axes'),
    ('.*', ('fsdp',), r"kernel \[3, 4\]: rule '\.\*' splits 3 among 2 devices "
     r"of 'fsdp'")])
def test_what_no_rule_fits_is_refused_by_its_path(pattern, axes, words):
  with pytest.raises(ValueError, match=words):
    rules.shardings(TREE, ((pattern, axes),), meshes.make(4, 2))


def test_describe_is_sorted_and_says_shape_and_spec():
  result = rules.describe(TREE, RULES, meshes.make(4, 2))
  assert list(result.items()) == [
      ('trunk/0/bias', '[4] ()'), ('trunk/0/kernel', "[3, 4] (None, 'fsdp')")]


def abstract_state(optimizer='adamw', **fields):
  """Shapes of a whole TrainState of 1536 numbers a feature; no arrays."""
  model = embedders.Embedder(**fields)
  optimizer = optimizers.make(optimizers.Settings(optimizer), 100)
  xyz = {s: jnp.zeros((1, 3)) for s in model.sources}
  features = {s: jnp.zeros((1, 1536)) for s in model.sources}
  def begin(key):
    params = model.init(key, features, xyz)['params']
    return states.TrainState(
        jnp.zeros((), jnp.int32), params, params, optimizer.init(params),
        {s: jnp.zeros((4096, 3)) for s in model.sources})
  return jax.eval_shape(begin, jax.random.key(0))


def test_golden_of_the_default_embedder(golden):
  result = rules.describe(
      abstract_state(scan=True), states.SHARDING_RULES, meshes.make(4, 2))
  golden('embedder_shardings.json', json.dumps(result, indent=1) + '\n')


@pytest.mark.parametrize('optimizer', optimizers.NAMES)
@pytest.mark.parametrize('location, scan', [
    ('fourier', True), ('fourier', False), ('geoclip', True)])
def test_every_array_of_every_variant_has_a_rule(optimizer, location, scan):
  state = abstract_state(optimizer, location=location, scan=scan)
  result = rules.describe(state, states.SHARDING_RULES, meshes.make(4, 2))
  assert len(result) == len(jax.tree.leaves(state))


def test_a_state_is_made_where_the_rules_say():
  mesh = meshes.make(4, 2)
  optimizer = optimizers.make(optimizers.Settings(), 10)
  state = training.make_state(
      tiny.model(), {'photo': tiny.DIM}, optimizer,
      training.Objective(queue=8), 0, mesh)
  for array, placed in zip(jax.tree.leaves(state),
                           jax.tree.leaves(states.shardings(state, mesh))):
    assert array.sharding.is_equivalent_to(placed, array.ndim)
  kernel = state.params['trunk_0']['up']['kernel']
  assert kernel.addressable_shards[0].data.shape == (16, 16)
