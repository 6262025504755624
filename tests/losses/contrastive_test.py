"""The plain losses against hand numbers and a loop in float64."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.geo import coords
from pinpoint_jax.losses import chunked, contrastive, pairs
from pinpoint_jax.losses import contrastive as records
from pinpoint_jax.parallel import mesh as meshes
import pytest

from tests.fixtures import loss_cases

HARD, SOFT = pairs.Targets(), pairs.Targets('soft')
EARTH_KM = 6371.0088


def two(*latlng_deg):
  """Two things with unit vectors (1, 0) and (0, 1), at two places."""
  xyz = jnp.asarray(coords.to_xyz(np.asarray(latlng_deg, np.float64)),
                    jnp.float32)
  return records.Embedded(jnp.eye(2), xyz)


@pytest.mark.parametrize('precision', contrastive.PRECISIONS)
@pytest.mark.parametrize('loss', [
    *contrastive.LOSSES.values(), functools.partial(
        chunked.loss, 'sigmoid', mesh=meshes.make(1), chunk=4)])
def test_the_precision_is_that_of_the_similarities(loss, precision):
  rows, cols = loss_cases.embedded(8)
  text = str(jax.make_jaxpr(lambda rows, cols: loss(
      rows, cols, loss_cases.SCALE, targets=HARD, precision=precision))(
          rows, cols))
  name = precision.upper()
  assert f'Precision.{name}' in text or f'precision={name}' in text


def scale(temperature, bias):
  return records.Scale(jnp.asarray(temperature), jnp.asarray(bias))


def value(name, things, temperature, bias, targets=HARD):
  return contrastive.LOSSES[name](
      things, things, scale(temperature, bias), targets).item()


def test_sigmoid_by_hand():
  # Logits 0 for a thing itself and -10 for the other.
  result = value('sigmoid', two([0, 0], [0, 90]), 10., -10.)
  assert result == pytest.approx(math.log(2) + math.log(1 + math.exp(-10)))


def test_softmax_by_hand_and_a_bias_is_no_matter():
  # Chances 3/4 and 1/4 for logits ln 3 and 0.
  for bias in (0., -10.):
    result = value('softmax', two([0, 0], [0, 90]), math.log(3), bias)
    assert result == pytest.approx(math.log(4 / 3), rel=1e-5)


@pytest.mark.parametrize('name, expected', [
    # The pair at 100 m is neither right nor wrong: it is not there.
    ('sigmoid', math.log(2)), ('softmax', 0.)])
def test_a_near_pair_is_left_out(name, expected):
  result = value(name, two([0, 0], [0.0009, 0]), 10., -10.)
  assert result == pytest.approx(expected)


@pytest.mark.parametrize('name, expected', [
    # Cross-entropy of 1 with logits 0 and -10; half each of chances 3/4, 1/4.
    ('sigmoid', math.log(2) + math.log(1 + math.exp(10))),
    ('softmax', -math.log(3 / 4) / 2 - math.log(1 / 4) / 2)])
def test_one_place_is_right_by_either_name(name, expected):
  temperature, bias = (10., -10.) if name == 'sigmoid' else (math.log(3), 0.)
  result = value(name, two([9, 180], [9, -180]), temperature, bias)
  assert result == pytest.approx(expected)


def test_soft_sigmoid_by_hand():
  # 300 km apart, y = 1/e: softplus(x) - y·x with x = 0 and -10.
  things = two([0, 0], [0, math.degrees(300 / EARTH_KM)])
  expected = math.log(2) + math.log(1 + math.exp(-10)) + 10 / math.e
  assert value('sigmoid', things, 10., -10., SOFT) == pytest.approx(
      expected, rel=1e-5)


def test_soft_softmax_by_hand():
  # Targets 1 and 1/e over their sum, chances 3/4 and 1/4.
  things = two([0, 0], [0, math.degrees(300 / EARTH_KM)])
  share = 1 / (1 + 1 / math.e)
  expected = -share * math.log(3 / 4) - (1 - share) * math.log(1 / 4)
  assert value('softmax', things, math.log(3), 0., SOFT) == pytest.approx(
      expected, rel=1e-5)


def looped(name, rows, cols, scale, targets):
  """Float64, pair by pair, as one would say it aloud."""
  zi, xi = (np.asarray(a, np.float64) for a in rows)
  zj, xj = (np.asarray(a, np.float64) for a in cols)
  t, b, total = float(scale.temperature), float(scale.bias), 0.
  for i in range(len(zi)):
    kept = []
    for j in range(len(zj)):
      chord = math.sqrt(sum((xi[i] - xj[j])**2))
      near = 0 < chord < targets.near_km / EARTH_KM
      if not xj[j].any() or (targets.kind == 'hard' and near):
        continue
      arc_km = 2 * EARTH_KM * math.asin(min(chord / 2, 1))
      y = (math.exp(-arc_km / targets.tau_km) if targets.kind == 'soft'
           else float(chord == 0))
      kept.append((y, t * float(zi[i] @ zj[j]) + b))
    if name == 'sigmoid':
      total += sum(math.log1p(math.exp(x)) - y * x for y, x in kept)
    else:
      log_sum = math.log(sum(math.exp(x) for _, x in kept))
      mass = sum(y for y, _ in kept)
      total -= sum(y / mass * (x - log_sum) for y, x in kept)
  return total / len(zi)


@pytest.mark.parametrize('targets', [HARD, SOFT], ids=pairs.KINDS)
@pytest.mark.parametrize('name', sorted(contrastive.LOSSES))
def test_agrees_with_a_loop_in_float64(name, targets):
  rows, cols = loss_cases.embedded(30, num_queued=14, num_empty=3)
  result = jax.jit(contrastive.LOSSES[name], static_argnums=3)(
      rows, cols, loss_cases.SCALE, targets)
  expected = looped(name, rows, cols, loss_cases.SCALE, targets)
  assert result.item() == pytest.approx(expected, rel=3e-6)


@pytest.mark.parametrize('targets', [HARD, SOFT], ids=pairs.KINDS)
@pytest.mark.parametrize('name', sorted(contrastive.LOSSES))
def test_empty_columns_are_not_there(name, targets):
  rows, cols = loss_cases.embedded(12)
  filled = records.Embedded(
      jnp.concatenate([cols.z, 9 * jnp.ones((5, 8))]),
      jnp.concatenate([cols.xyz, jnp.zeros((5, 3))]))
  result, expected = (
      contrastive.LOSSES[name](rows, c, loss_cases.SCALE, targets).item()
      for c in (filled, cols))
  assert result == pytest.approx(expected, rel=1e-6)


def test_logits_are_float32_of_bfloat16_vectors():
  z = jnp.full((2, 3), 1.01, jnp.bfloat16)
  result = contrastive.logits(z, z, scale(1., 0.))
  assert result.dtype == jnp.float32
  # 3 · 1.0078125², which bfloat16 would round to 3.046875.
  assert result[0, 0].item() == 3 * 1.0078125**2
