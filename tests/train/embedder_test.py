"""The embedder's step: it learns, alike on every mesh, and compiles once."""

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.losses import pairs
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.train import embedder as training
from pinpoint_jax.train import optimizer as optimizers
from pinpoint_jax.train import state as states
import pytest

from tests.fixtures import tiny_embedder as tiny


def params(found, step=-1):
  return tiny.flat(found[step][0].params)


def assert_alike(one, other, rtol, atol):
  assert one.keys() == other.keys()
  for name in one:
    np.testing.assert_allclose(one[name], other[name], rtol, atol, err_msg=name)


@pytest.fixture(scope='module')
def plain():
  """Twenty steps on one device, all pairs at once, over one batch."""
  return tiny.run(20, vary=False)


def test_the_loss_falls(plain):
  losses = [metrics['loss'] for _, metrics in plain[0]]
  assert losses[-1] < 0.7 * losses[0]
  assert np.isfinite(losses).all()


def test_metrics_name_each_source(plain):
  state, metrics = plain[0][0]
  assert set(metrics) == {'loss', 'loss_photo', 'bias_photo',
                          'temperature_photo', 'grad_norm'}
  assert metrics['temperature_photo'] == pytest.approx(10.)
  assert metrics['bias_photo'] == -10 and metrics['loss_photo'] > 0
  assert state.step == 1


def test_it_is_compiled_once(plain):
  assert plain[1]._cache_size() == 1


@pytest.mark.slow
@pytest.mark.parametrize('data, fsdp', [(8, 1), (4, 2)])
def test_every_mesh_trains_alike(plain, data, fsdp):
  mesh = meshes.make(data, fsdp)
  found, step = tiny.run(
      3, mesh, training.Objective(chunk=3), vary=False)
  assert step._cache_size() == 1
  for i in range(3):
    np.testing.assert_allclose(
        found[i][1]['loss'], plain[0][i][1]['loss'], rtol=1e-5)
  # Adam divides by the gradient's size: what is near 0 comes out coarser.
  assert_alike(params(found), params(plain[0], 2), rtol=1e-3, atol=2e-4)


def test_on_two_axes_kernels_lie_split_and_stay_so():
  mesh, optimizer = meshes.make(4, 2), optimizers.make(
      optimizers.Settings(**tiny.SETTINGS), 10)
  state = tiny.state(mesh, optimizer)
  before = jax.tree.map(lambda x: x.sharding, state)
  after = states.shardings(jax.eval_shape(lambda: state), mesh)
  for one, other, x in zip(*map(jax.tree.leaves, (before, after, state))):
    assert one.is_equivalent_to(other, x.ndim)


def test_a_batch_in_four_parts_is_the_whole_batch(plain):
  parts, _ = tiny.run(
      2, meshes.make(4, 2), training.Objective(accumulate=4), vary=False)
  for (_, found), (_, expected) in zip(parts, plain[0]):
    for name in expected:
      np.testing.assert_allclose(found[name], expected[name], rtol=1e-4)
  assert_alike(params(parts), params(plain[0], 1), rtol=1e-3, atol=2e-4)


@pytest.fixture(scope='module')
def queued():
  """Three steps of two sources with 80 places of earlier batches."""
  objective = training.Objective(
      loss='softmax', queue=80, targets=pairs.Targets('soft'),
      weights={'photo': 2.0, 'street': 0.5})
  return tiny.run(
      3, objective=objective, sources=('photo', 'street'))[0]


def test_the_queue_holds_the_newest_places_first(queued):
  for source in ('photo', 'street'):
    xyz = [tiny.batch(i, ('photo', 'street'))[source]['xyz']
           for i in range(3)]
    np.testing.assert_array_equal(
        queued[0][0].queue[source], np.concatenate([xyz[0], np.zeros((48, 3))]))
    # Of 96 places seen, the sixteen oldest have left.
    np.testing.assert_array_equal(
        queued[2][0].queue[source],
        np.concatenate([xyz[2], xyz[1], xyz[0][:16]]))


def test_weights_of_sources_scale_their_losses(queued):
  for _, metrics in queued:
    photo, street = metrics['loss_photo'], metrics['loss_street']
    assert np.isfinite([photo, street]).all() and photo != street
    assert metrics['loss'] == pytest.approx(2 * photo + .5 * street, rel=1e-6)


@pytest.mark.slow
def test_bfloat16_trains_and_parameters_stay_float32(plain):
  found, _ = tiny.run(3, dtype=jnp.bfloat16, dropout=0.5, vary=False)
  losses = [metrics['loss'] for _, metrics in found]
  assert np.isfinite(losses).all()
  assert losses[0] == pytest.approx(plain[0][0][1]['loss'], rel=0.3)
  for tree in (found[-1][0].params, found[-1][0].ema):
    for leaf in jax.tree.leaves(tree):
      assert leaf.dtype == np.float32 and np.isfinite(leaf).all()


@pytest.mark.parametrize('settings, words', [
    (dict(loss='triplet'), r"'triplet': choices are \['sigmoid', 'softmax'\]"),
    (dict(accumulate=0), 'accumulate=0'), (dict(chunk=-2), 'chunk=-2'),
    (dict(precision='float32'), "'float32': choices are .'highest', 'high'"),
    (dict(queue=-1), 'queue=-1'), (dict(ema=1.), 'ema=1.0')])
def test_nonsense_is_refused(settings, words):
  with pytest.raises(ValueError, match=words):
    training.Objective(**settings)


@pytest.mark.parametrize('chunk, rows, queue, devices, expected', [
    # 2^26 pairs on four devices are just 2^24 each; more are not held.
    (-1, 8192, 0, 4, 0), (-1, 8192, 0, 3, 1024), (-1, 8192, 1, 4, 1024),
    (-1, 8192, 0, 1, 0), (-1, 8192, 1, 1, 1024), (-1, 256, 512, 1, 0),
    (0, 2**16, 0, 1, 0), (7, 8, 0, 8, 7)])
def test_pairs_are_held_at_once_where_a_device_has_few(
    chunk, rows, queue, devices, expected):
  assert training.pair_chunk(training.Objective(chunk=chunk), rows,
                             rows + queue, devices) == expected


def test_parts_that_do_not_divide_a_batch_are_refused():
  with pytest.raises(ValueError, match='accumulate=3 does not divide.* 8'):
    training._parts(3, jnp.zeros((8, 2)))
