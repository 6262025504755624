"""Intervals resample photographers."""

import numpy as np
from pinpoint_jax.evals import bootstrap, metrics
import pytest


def errors_of(dist_km, clusters):
  return metrics.Errors(np.asarray(dist_km, np.float64), np.asarray(clusters))


def test_one_photographer_gives_no_spread():
  errors = errors_of([0.5, 30, 4000], ['a:x'] * 3)
  result = bootstrap.intervals(errors, num_resamples=50)
  assert result['acc@1km'] == [1 / 3, 1 / 3]
  assert result['median_km'] == [30.0, 30.0]


def test_clustering_widens_the_interval_as_much_as_it_should():
  # 40 authors, all 25 photos of one either right or wrong: the sample is 40,
  # not 1000, so the interval must be about sqrt(25) = 5 times wider.
  hit = np.repeat(np.arange(40) % 2, 25) * 5000.0
  authors = [f'a:{i // 25}' for i in range(1000)]
  alone = [f'i:{i}' for i in range(1000)]
  def width(clusters):
    low, high = bootstrap.intervals(errors_of(hit, clusters))['acc@25km']
    return high - low
  assert 4 < width(authors) / width(alone) < 6


def test_interval_matches_the_binomial_one_for_independent_photos():
  # p = 0.3, n = 1000: 1.96·sqrt(p·q/n) = 0.0284.
  dist_km = np.where(np.arange(1000) < 300, 5.0, 5000.0)
  low, high = bootstrap.intervals(
      errors_of(dist_km, [f'i:{i}' for i in range(1000)]),
      num_resamples=4000)['acc@25km']
  assert abs((high - low) / 2 - 0.0284) < 0.002


def test_order_of_rows_does_not_matter():
  rng = np.random.default_rng(1)
  dist_km = rng.gamma(0.5, 2000, 200)
  clusters = np.asarray([f'a:{i}' for i in rng.integers(30, size=200)])
  order = rng.permutation(200)
  assert bootstrap.intervals(errors_of(dist_km, clusters), 100) == (
      bootstrap.intervals(errors_of(dist_km[order], clusters[order]), 100))


def test_a_weighted_median_is_that_of_repeated_values():
  rng = np.random.default_rng(2)
  for size in (1, 2, 5, 8):
    values = np.sort(rng.normal(size=size))
    for _ in range(6):
      weights = rng.integers(0, 4, size=size)
      weights[0] += 1
      assert bootstrap._median(values, np.cumsum(weights)) == np.median(
          np.repeat(values, weights))


def test_a_threshold_that_nobody_reaches_is_nought_in_every_resample():
  result = bootstrap.intervals(errors_of([30., 40.], ['a:x', 'a:y']), 20)
  assert result['acc@1km'] == result['acc@25km'] == [0., 0.]
  assert result['acc@200km'] == [1., 1.]


def test_figures_of_a_resample_are_those_of_its_photos():
  dist_km = np.sort(np.random.default_rng(4).gamma(.4, 2000, 60))
  dist_km[:2] = .5, 1.  # At a threshold, too.
  codes, names = np.arange(60) % 7, np.full(60, 'i:x')
  counts = np.asarray([3, 0, 1, 0, 0, 2, 1])
  for inclusive in (False, True):
    sampled = bootstrap._Sampled(dist_km, codes, inclusive)
    expected = metrics.summarise(
        metrics.Errors(np.repeat(dist_km, counts[codes]),
                       np.repeat(names, counts[codes])), inclusive=inclusive)
    assert sampled.figures(counts) == pytest.approx(expected, rel=1e-12)


def test_a_share_is_resampled_with_its_own_denominator():
  # Every photographer has one right of two that count, and one that does not:
  # the share is 1/2 however they are drawn, while 1/3 of all photos are right.
  authors = np.asarray([f'a:{i // 3}' for i in range(30)])
  place, every = np.arange(30) % 3, np.ones(30, bool)
  result = bootstrap.share_intervals({
      'acc@named': metrics.Share(place == 0, place < 2),
      'acc@all': metrics.Share(place == 0, every),
      'acc@mixed': metrics.Share(np.arange(30) < 15, every)}, authors, 50)
  assert result['acc@named'] == [1 / 2, 1 / 2]
  np.testing.assert_allclose(result['acc@all'], [1 / 3, 1 / 3], rtol=1e-6)
  low, high = result['acc@mixed']
  assert low < .5 < high


def test_the_share_of_those_within_25_km_has_the_interval_of_that_figure():
  rng = np.random.default_rng(6)
  errors = errors_of(rng.gamma(0.5, 2000, 400),
                     [f'a:{i}' for i in rng.integers(60, size=400)])
  share = metrics.Share(errors.dist_km < 25, np.ones(400, bool))
  np.testing.assert_allclose(
      bootstrap.share_intervals({'s': share}, errors.clusters)['s'],
      bootstrap.intervals(errors)['acc@25km'], rtol=1e-6)


def test_a_share_that_some_resample_leaves_empty_has_no_interval():
  first = np.asarray([True, False, False])
  shares = {'acc@city': metrics.Share(first, first),
            'acc@all': metrics.Share(first, np.ones(3, bool))}
  result = bootstrap.share_intervals(
      shares, np.asarray(['a:x', 'a:y', 'a:z']), 100)
  assert set(result) == {'acc@all'}


def test_zero_resamples_means_no_interval():
  assert bootstrap.intervals(errors_of([1.0], ['a:x']), 0) == {}


def test_the_figure_lies_in_its_interval():
  rng = np.random.default_rng(5)
  errors = errors_of(rng.gamma(0.5, 2000, 400),
                     [f'a:{i}' for i in rng.integers(60, size=400)])
  figures, result = metrics.summarise(errors), bootstrap.intervals(errors)
  assert set(result) == set(figures)
  for name, (low, high) in result.items():
    assert low <= figures[name] <= high, name


def test_names_of_the_photographers_do_not_matter():
  dist_km = [1.0, 30, 30, 4000, 2, 700]
  first = bootstrap.intervals(
      errors_of(dist_km, ['a:1', 'a:1', 'a:2', 'a:2', 'a:3', 'a:3']), 100)
  assert first == bootstrap.intervals(
      errors_of(dist_km, ['s:k', 's:k', 's:l', 's:l', 's:m', 's:m']), 100)


def test_seed_and_level_are_used():
  errors = errors_of(np.arange(50.0), [f'i:{i}' for i in range(50)])
  def mean(**kwargs):
    return bootstrap.intervals(errors, 300, **kwargs)['mean_km']
  assert mean() == mean(seed=0) != mean(seed=1)
  wide, narrow = mean(level=0.99), mean(level=0.5)
  assert wide[0] < narrow[0] < narrow[1] < wide[1]
  # Mean 24.5, standard error 14.43/√50 = 2.04, ± 0.674 of it for one half.
  np.testing.assert_allclose(narrow, [24.5 - 1.38, 24.5 + 1.38], atol=0.4)
