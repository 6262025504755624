"""GeoCLIP's location tower gives the package's numbers; banks stay fixed."""

import pathlib

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.disk import weights
from pinpoint_jax.geo import coords
from pinpoint_jax.models import geoclip_location
import pytest
import safetensors.numpy

from tests.parity import geoclip_cases

FULL = geoclip_location.GeoClipLocation()
SMALL = geoclip_location.GeoClipLocation(
    sigmas=(1., 256.), num_features=300, width=10, depth=2, out_dim=5)
# The widest bank turns by 2π · 256 · 4 and more: one float32 step is 5e-4
# there, so no two float32 implementations are closer than this.
RELATIVE = 5e-4
FAST_COMPILE = {'xla_backend_optimization_level': 0}


def apply(params, places, method='__call__', model=FULL):
  run = jax.jit(lambda *args: model.apply(*args, method=method),
                compiler_options=FAST_COMPILE)
  return np.asarray(run(params, jnp.asarray(places, jnp.float32)))


@pytest.fixture(scope='module')
def small():
  return jax.jit(SMALL.init, compiler_options=FAST_COMPILE)(
      jax.random.key(0), jnp.ones((1, 3)))


@pytest.fixture(scope='module')
def theirs():
  with np.load(geoclip_cases.FILE) as file:
    return dict(file)


@pytest.fixture(scope='module')
def params(theirs, tmp_path_factory):
  shapes = {name.removeprefix('shape/'): tuple(shape)
            for name, shape in theirs.items() if name.startswith('shape/')}
  folder = tmp_path_factory.mktemp('geoclip')
  safetensors.numpy.save_file(
      geoclip_cases.weights(shapes), folder / 'model.safetensors')
  return geoclip_location.load_published(folder)


def worst(ours, theirs):
  return np.abs(ours - theirs['vectors']).max() / theirs['vectors'].std()


def test_vectors_are_theirs(params, theirs):
  places = theirs['latlng_deg']
  for special in ((90, 0), (-90, 0), (0, 180), (0, -180), (0, 0)):
    assert (places == special).all(1).any(), special
  assert theirs['vectors'].std() > 0.1
  assert worst(apply(params, places, 'from_degrees'), theirs) <= RELATIVE


@pytest.mark.parametrize('step', [(1e-3, 0), (0, 1e-3)])
def test_a_hundred_metres_would_be_noticed(params, theirs, step):
  moved = theirs['latlng_deg'] - np.float32(step)
  assert worst(apply(params, moved, 'from_degrees'), theirs) > 4 * RELATIVE


def test_unit_vectors_give_the_same(params, theirs):
  places = theirs['latlng_deg']
  ours = apply(params, coords.to_xyz(places))
  # What the plane tells apart and the globe does not.
  one_name = (places[:, 1] != 180) & (np.abs(places[:, 0]) != 90)
  one_name |= (places == (90, 0)).all(1) | (places == (-90, 0)).all(1)
  difference = np.abs(ours - theirs['vectors'])[one_name]
  assert one_name.sum() >= 28
  assert difference.max() <= 2 * RELATIVE * theirs['vectors'].std()


def test_one_place_has_one_vector(small):
  pole = [(0., 0., 1.), (-0., 0., 1.), (-0., -0., 1.)]
  ours = apply(small, [*pole, (-1., 0., 0.), (-1., -0., 0.)], model=SMALL)
  assert (ours[:3] == ours[0]).all() and (ours[3] == ours[4]).all()
  named = apply(small, [(90, 0), (0, -180)], 'from_degrees', SMALL)
  np.testing.assert_allclose(ours[[0, 3]], named, atol=1e-4)


def test_plane_fills_its_range_and_points_north_east():
  corners = jnp.array([[0., 180.], [90., 0.], [-10., -20.]])
  east, north, south_west = np.asarray(geoclip_location.equal_earth(corners))
  np.testing.assert_allclose(east, (1, 0), atol=1e-6)
  np.testing.assert_allclose(north, (0, 0.486717), atol=1e-5)
  assert (south_west < 0).all()


def test_banks_start_with_their_sigmas(small):
  for i, sigma in enumerate(SMALL.sigmas):
    bank = small['params'][f'capsule_{i}']['bank']
    assert bank.std() == pytest.approx(sigma, rel=.15)


def test_gradients_are_finite_and_leave_banks_alone(small):
  xyz = jnp.asarray(coords.to_xyz(geoclip_cases.places(0, 40)), jnp.float32)
  loss = lambda variables: jnp.square(SMALL.apply(variables, xyz) - 1).mean()
  gradients = jax.jit(jax.grad(loss), compiler_options=FAST_COMPILE)(small)
  flat = traverse_util.flatten_dict(gradients, sep='/')
  banks = {name for name in flat if 'bank' in name}
  assert banks == {f'params/capsule_{i}/bank' for i in range(2)}
  for name, gradient in flat.items():
    assert np.isfinite(gradient).all(), name
    assert (np.abs(gradient).max() > 0) == (name not in banks), name


def test_gradient_along_the_globe_is_finite_at_poles(small):
  total = lambda xyz: SMALL.apply(small, xyz).sum()
  places = jnp.array([[0., 0., 1.], [0., 0., -1.], [1., 0., 0.], [.6, .8, 0.]])
  slopes = np.asarray(
      jax.jit(jax.grad(total), compiler_options=FAST_COMPILE)(places))
  assert np.isfinite(slopes).all()
  assert (np.abs(slopes[2:, 2]) > 0).all()


def test_places_stay_float32_under_bfloat16(small):
  half = SMALL.clone(dtype=jnp.bfloat16)
  places = geoclip_cases.places(1, 30)
  full, rounded = (apply(small, places, 'from_degrees', model)
                   for model in (SMALL, half))
  assert rounded.dtype == np.float32
  # Angles in bfloat16 would be off by whole turns.
  assert np.abs(full - rounded).max() < 0.05 * full.std()


def small_file(path: pathlib.Path, **changes) -> pathlib.Path:
  shapes = {}
  for i in range(2):
    shapes[f'LocEnc{i}.capsule.0.b'] = (300, 2)
    for layer, shape in (('capsule.1', (10, 600)), ('capsule.3', (10, 10)),
                         ('head.0', (5, 10))):
      shapes[f'LocEnc{i}.{layer}.weight'] = shape
      shapes[f'LocEnc{i}.{layer}.bias'] = shape[:1]
  shapes = {name: shape for name, shape in (shapes | changes).items() if shape}
  safetensors.numpy.save_file(
      {name: np.zeros(shape, np.float32) for name, shape in shapes.items()},
      path)
  return path


def test_every_tensor_is_accounted_for(tmp_path):
  load = lambda **changes: geoclip_location.load_published(
      small_file(tmp_path / 'tower.safetensors', **changes), SMALL)
  assert load()['params']['capsule_1']['dense_0']['kernel'].shape == (600, 10)
  for changes, message in (
      ({'LocEnc1.head.0.bias': None}, r'LocEnc1\.head\.0\.bias is missing'),
      ({'LocEnc2.capsule.0.b': (300, 2)},
       r'LocEnc2\.capsule\.0\.b is \(300, 2\), the model wants none'),
      ({'logit_scale': (1,)}, 'logit_scale is .*, the model wants none'),
      ({'LocEnc0.capsule.0.b': (7, 2)},
       r'LocEnc0\.capsule\.0\.b is \(7, 2\), the model wants \(300, 2\)'),
      ({'LocEnc0.capsule.1.weight': (600, 10)},
       r'is \(600, 10\), the model wants \(10, 600\)')):
    with pytest.raises(weights.WeightsError, match=message):
      load(**changes)


@pytest.mark.parametrize('inside', [False, True])
def test_pickles_are_never_opened(tmp_path, inside):
  pickled = tmp_path / 'location_encoder_weights.pth'
  pickled.write_bytes(b'not even a pickle')
  with pytest.raises(weights.WeightsError, match='never opened'):
    geoclip_location.load_published(tmp_path if inside else pickled)
