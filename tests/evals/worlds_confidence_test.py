"""Figures of made-up answers whose chances are known, alone and joined."""

import numpy as np
from pinpoint_jax.answer import held_out
from pinpoint_jax.evals import promises, radii, worlds_confidence
from pinpoint_jax.geo import kernels
import pytest

from tests.fixtures import tiny_held_out


@pytest.fixture(scope='module')
def asked():
  return [worlds_confidence.Asked(
      'q', tiny_held_out.make(900, seed), tiny_held_out.make(600, 10 + seed),
      np.arange(600) % 3 == 0)
          for seed in range(2)]


def test_what_is_promised_comes_true(asked):
  row = worlds_confidence.judged(asked[0])
  assert row['ece@25km'] < .06 and row['ece@2500km'] < .06
  for share in (.5, .8, .9, .95):
    # Four standard deviations of 600 photos and of thirds of 150 levels.
    assert row[f'inside@{share}'] == pytest.approx(share, abs=.11)
  assert row['nats_over_uniform'] > 3
  assert row['nll_per_km2'] == pytest.approx(
      np.log(kernels.EARTH_KM2) - row['nats_over_uniform'])
  assert row['nll_per_sr'] == pytest.approx(
      np.log(4 * np.pi) - row['nats_over_uniform'])
  assert row['accepted'][0]['coverage'] == 1
  # Every third photo is called blind here, whatever it shows.
  assert row['blind_area_by_25km'] == pytest.approx(.5, abs=.1)


@pytest.mark.slow
def test_ways_are_compared_on_the_same_photos(asked):
  row = worlds_confidence.compared(asked[0])
  for name in radii.WAYS:
    assert row[f'{name}/inside@0.8'] == pytest.approx(.8, abs=.09)
  # One radius for all fails the hard third, and is too wide for the easy one.
  assert row['constant/inside@0.8_third1'] < .7
  assert row['constant/inside@0.8_third3'] > .9
  assert row['thirds/inside@0.8_third1'] > .7
  assert row['beta/brier@25km'] < .19


@pytest.mark.slow
def test_worlds_are_joined_by_mean_and_range(asked):
  rows = [worlds_confidence.judged(some) for some in asked]
  row = worlds_confidence.joined(rows)
  inside = [some['inside@0.9'] for some in rows]
  assert row['num_worlds'] == 2 and row['queries'] == 'q'
  assert row['inside@0.9']['mean'] == pytest.approx(np.mean(inside))
  assert (row['inside@0.9']['low'], row['inside@0.9']['high']) == (
      min(inside), max(inside))
  whole = worlds_confidence.pooled(asked)
  # Authors of two worlds are different ones, whatever their names.
  assert len(whole.dist_km) == len(set(whole.clusters.tolist())) == 1200


def test_the_conformal_quantile_by_hand():
  # Of nine values 80 % need the ceil(10 · 0.8) = 8th, 95 % are beyond them.
  values = np.arange(1., 10.)
  assert radii.quantile(values, .8) == 8
  assert radii.quantile(values, .95) == np.inf


def test_held_out_answers_are_read_as_they_were_written(asked, tmp_path):
  held_out.save(tmp_path / 'a.npz', asked[0].known)
  again = held_out.load(tmp_path / 'a.npz')
  fitted = held_out.calibration_of(asked[0].known)
  np.testing.assert_array_equal(
      promises.of(fitted, again).radius_km,
      promises.of(fitted, asked[0].known).radius_km)
  assert len(again.take(np.arange(5))) == 5
