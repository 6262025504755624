"""Paired differences, against numbers that a reader can check by hand."""

import math

import numpy as np
from pinpoint_jax.evals import bootstrap, metrics, paired
import pytest

RIGHT, WRONG = 5., 5000.


def errors_of(dist_km, clusters=None):
  dist_km = np.asarray(dist_km, np.float64)
  if clusters is None:
    clusters = [f'i:{i:05d}' for i in range(len(dist_km))]
  return metrics.Errors(dist_km, np.asarray(clusters))


def pair(better, base, clusters=None):
  return paired.Pair(errors_of(better, clusters), errors_of(base, clusters))


def hits(*counts):
  """A pair: so many both right, only better, only base, neither."""
  better = np.repeat([RIGHT, RIGHT, WRONG, WRONG], counts)
  base = np.repeat([RIGHT, WRONG, RIGHT, WRONG], counts)
  return pair(better, base)


def test_figures_difference_and_share_by_hand():
  result = paired.differences([hits(40, 20, 10, 30)])['acc@25km']
  assert (result.better, result.base) == pytest.approx((60, 50))
  assert result.difference == pytest.approx(10)
  assert result.relative == pytest.approx(.2)
  assert result.by_run == pytest.approx((10,))
  assert (result.num_queries, result.num_clusters, result.num_differing) == (
      100, 100, 30)


def test_geoscore_is_in_points_of_geoscore():
  one = pair([0.] * 6, [1492.7] * 6)
  result = paired.differences([one])['geoscore']
  # 5000 − 5000/e, for each query.
  assert result.difference == pytest.approx(5000 * (1 - 1 / math.e))
  assert result.interval == pytest.approx((result.difference,) * 2)


def test_interval_and_power_match_the_textbook_for_independent_queries():
  # Gains +1, −1, 0 of 100, 60 and 240 queries: mean 0.1, variance
  # 160/400 − 0.1² = 0.39, standard error √(0.39/400) = 3.12 points.
  result = paired.differences([hits(100, 100, 60, 140)], 4000)['acc@25km']
  assert result.standard_error == pytest.approx(3.12, abs=.12)
  low, high = result.interval
  assert (low, high) == pytest.approx((10 - 6.12, 10 + 6.12), abs=.4)
  assert result.smallest_visible == pytest.approx(2.8 * 3.12, abs=.35)
  assert paired.smallest_visible(1.) == pytest.approx(2.802)


def test_clusters_widen_the_interval_as_much_as_they_should():
  # All 25 photos of an author gain or lose together: √25 = 5 times wider.
  better = np.repeat(np.arange(40) % 4 == 0, 25) * WRONG
  base = np.repeat(np.arange(40) % 4 == 1, 25) * WRONG
  def error(clusters):
    result = paired.differences([pair(better, base, clusters)])['acc@25km']
    return result.standard_error
  assert 4 < error([f'a:{i // 25}' for i in range(1000)]) / error(None) < 6


def test_equals_the_unpaired_interval_for_independent_systems():
  rng = np.random.default_rng(0)
  better, base = (np.where(rng.random(2000) < p, RIGHT, WRONG)
                  for p in (.5, .4))
  result = paired.differences([pair(better, base)], 2000)['acc@25km']
  widths = [np.diff(bootstrap.intervals(errors_of(some), 2000)['acc@25km'])
            for some in (better, base)]
  unpaired = 100 * math.hypot(*(float(width[0]) for width in widths))
  assert np.diff(result.interval)[0] == pytest.approx(unpaired, rel=.08)


def test_sees_a_planted_difference_that_unpaired_intervals_cannot():
  result = paired.differences([hits(400, 30, 6, 564)])['acc@25km']
  assert result.difference == pytest.approx(2.4)
  assert 0 < result.interval[0]
  both = hits(400, 30, 6, 564)
  low, _ = bootstrap.intervals(both.better)['acc@25km']
  _, high = bootstrap.intervals(both.base)['acc@25km']
  assert low < high


def random_pair(seed, num=300, num_clusters=60):
  rng = np.random.default_rng(seed)
  better, base = rng.gamma(.4, 2000, (2, num))
  clusters = [f'a:{i}' for i in rng.integers(num_clusters, size=num)]
  return pair(better, base, clusters)


def shuffled(one, seed=0):
  order = np.random.default_rng(seed).permutation(len(one.base.dist_km))
  return paired.Pair(*(
      metrics.Errors(errors.dist_km[order], errors.clusters[order])
      for errors in (one.better, one.base)))


def test_order_of_queries_and_runs_does_not_matter():
  first, second = random_pair(0), random_pair(1)
  result = paired.differences([first, second], 100)
  again = paired.differences([shuffled(second), shuffled(first)], 100)
  for name in paired.STATISTICS:
    assert result[name].interval == again[name].interval
    assert result[name].relative_interval == again[name].relative_interval
    assert result[name].difference == again[name].difference
    assert sorted(result[name].by_run) == sorted(again[name].by_run)


def test_names_of_the_photographers_do_not_matter():
  one = random_pair(2)
  names = [f'{37 * int(name[2:]) % 61}:{name}' for name in one.base.clusters]
  renamed = pair(one.better.dist_km, one.base.dist_km, names)
  assert paired.differences([one], 50) == paired.differences([renamed], 50)


def test_clusters_of_different_runs_are_different_ones():
  one = random_pair(3)
  alone, twice = (paired.differences([one] * runs, 2000)['acc@200km']
                  for runs in (1, 2))
  assert twice.num_clusters == 2 * alone.num_clusters
  assert twice.by_run == (alone.difference,) * 2
  assert twice.difference == pytest.approx(alone.difference)
  assert alone.standard_error / twice.standard_error == pytest.approx(
      2 ** .5, rel=.1)


def test_the_other_way_round_is_the_negative():
  one = random_pair(4)
  result, turned = (
      paired.differences([some], 2000)['geoscore'] for some in (
          one, paired.Pair(one.base, one.better)))
  assert turned.difference == pytest.approx(-result.difference)
  assert turned.standard_error == pytest.approx(result.standard_error, rel=.1)


def test_comparisons_share_resamples_and_nothing_else(monkeypatch):
  many = [[random_pair(5)], [random_pair(6), random_pair(7)], [random_pair(8)],
          [hits(5, 7, 1, 9)]]
  together = paired.all_differences(many, 60)
  assert together == [paired.differences(runs, 60) for runs in many]
  monkeypatch.setattr(paired, '_NUMBERS', 700)
  again = paired.all_differences(many, 60)
  assert [some['acc@25km'].interval for some in again] == [
      some['acc@25km'].interval for some in together]


def test_identical_systems_and_one_cluster_have_no_interval():
  same = paired.differences([hits(30, 0, 0, 30)])['acc@25km']
  one = paired.differences([pair([RIGHT] * 9, [WRONG] * 9, ['a:x'] * 9)])
  for result, difference, differing in (
      (same, 0, 0), (one['acc@25km'], 100, 1)):
    assert result.difference == difference
    assert result.num_differing == differing
    assert (result.interval, result.relative_interval, result.standard_error,
            result.smallest_visible) == (None,) * 4


@pytest.mark.parametrize('num, known', [(5, False), (6, True)])
def test_six_agreeing_clusters_are_the_fewest_that_can_show_anything(
    num, known):
  result = paired.differences([hits(50, num, 0, 50)])['acc@25km']
  assert (result.interval is not None) == known


def test_no_share_of_nothing():
  result = paired.differences([hits(0, 20, 0, 20)])['acc@25km']
  assert result.relative is None and result.relative_interval is None
  assert result.interval is not None


def test_relative_interval_by_hand():
  # All of the base's 50 are kept, 10 come on top: gain/base is 0.2, and its
  # error about √(10)/50 · √(1 + 0.2) = 0.07.
  result = paired.differences([hits(50, 10, 0, 940)], 4000)['acc@25km']
  low, high = result.relative_interval
  assert (low, high) == pytest.approx((.2 - .137, .2 + .137), abs=.03)


def test_a_share_is_taken_within_each_resample():
  # In every cluster `better` finds twice as many: the share knows no spread.
  found = np.arange(20) % 4 + 1
  base = np.concatenate([[RIGHT] * n + [WRONG] * (9 - n) for n in found])
  better = np.concatenate([[RIGHT] * 2 * n + [WRONG] * (9 - 2 * n)
                           for n in found])
  clusters = np.repeat([f'a:{i}' for i in range(20)], 9)
  result = paired.differences([pair(better, base, clusters)])['acc@25km']
  assert result.relative_interval == pytest.approx((1, 1))
  assert result.interval[1] - result.interval[0] > 5


def test_a_photo_counts_strictly_below_a_threshold():
  result = paired.differences([pair([np.nextafter(25, 0)] * 6, [25.] * 6)])
  assert result['acc@25km'].difference == 100


def test_found_as_often_as_the_power_says_and_seldom_where_nothing_is():
  rng = np.random.default_rng(9)
  def found(gain, num=200):
    # 15 % + gain better, 15 % worse: error √((0.3 + gain − gain²)/200).
    kind = rng.choice(3, num, p=[.15 + gain, .15, .7 - gain])
    one = pair(np.where(kind == 0, RIGHT, WRONG),
               np.where(kind == 1, RIGHT, WRONG))
    low, _ = paired.differences([one], 120)['acc@25km'].interval
    return low > 0
  # gain = 2.8 · √((0.3 + gain − gain²)/200) is solved by 0.125.
  assert .68 < np.mean([found(.125) for _ in range(120)]) < .92
  assert np.mean([found(0.) for _ in range(120)]) < .09


def test_zero_resamples_mean_no_interval():
  assert paired.differences([random_pair(1)], 0)['geoscore'].interval is None


def test_other_queries_are_refused():
  one = errors_of([1., 2.])
  with pytest.raises(ValueError, match='not of the same queries'):
    paired.Pair(one, errors_of([1., 2.], ['a', 'b']))
  with pytest.raises(ValueError, match='not of the same queries'):
    paired.Pair(one, errors_of([1.]))
  with pytest.raises(ValueError, match='no query'):
    paired.Pair(errors_of([], np.zeros(0, np.str_)),
                errors_of([], np.zeros(0, np.str_)))
  with pytest.raises(ValueError, match='no run'):
    paired.differences([])
