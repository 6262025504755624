import jax
import jax.numpy as jnp
import numpy as np
import optax
from pinpoint_jax.models import convnet
from pinpoint_jax.parallel import arrays
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.train import cue_reader
import pytest

MODEL = convnet.CueReader(convnet.ConvNet(
    image_size=(16, 16), widths=(8, 8), depths=(0, 0), num_heads=2, head_dim=4,
    dim=8), 3)


def test_the_cost_by_hand():
  named = jnp.asarray([[1., 2., 3.]])
  values = jnp.asarray([[0., 2., 1.]])
  shown = jnp.asarray([[True, True, False]])
  # (1·1 + 1·0 + 0.1·4) / (1 + 1 + 0.1)
  cost = cue_reader.Objective(hidden_weight=0.1).cost(named, values, shown)
  np.testing.assert_allclose(cost, 1.4 / 2.1, rtol=1e-6)
  nothing = cue_reader.Objective(hidden_weight=0.0).cost(
      named, values, jnp.zeros((1, 3), bool))
  assert float(nothing) == 0


@pytest.mark.parametrize('fields', [{'hidden_weight': -1.0}, {'ema': 1.0}])
def test_settings_are_checked(fields):
  with pytest.raises(ValueError, match='must be'):
    cue_reader.Objective(**fields)


def batch(mesh, num=32, seed=0):
  """Pictures whose colour is the three values."""
  rng = np.random.default_rng(seed)
  values = rng.uniform(-1, 1, (num, 3)).astype(np.float32)
  pixels = np.broadcast_to(((values + 1) * 127.5).astype(np.uint8)[
      :, None, None], (num, 16, 16, 3))
  return arrays.put_batch({
      'pixels': np.ascontiguousarray(pixels), 'values': values,
      'shown': rng.random((num, 3)) < 0.7}, mesh)


@pytest.mark.slow
def test_steps_learn_what_is_in_plain_sight():
  mesh = meshes.make(-1, 1)
  optimizer = optax.adamw(1e-2)
  state = cue_reader.make_state(MODEL, (16, 16), optimizer, 0, mesh)
  step = cue_reader.make_step(MODEL, optimizer, cue_reader.Objective(), mesh,
                              state)
  losses = []
  for seed in range(60):
    state, metrics = step(state, batch(mesh, seed=seed))
    losses.append(float(metrics['loss']))
  assert losses[-1] < 0.3 * losses[0]
  assert int(state.step) == 60
  drift = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()),
                       state.params, state.ema)
  assert 0 < max(jax.tree.leaves(drift)) < 1
