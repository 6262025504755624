"""Figures that a reader can check by hand."""

import math

import numpy as np
from pinpoint_jax.evals import metrics
import pytest


def errors_of(*dist_km, clusters=None):
  names = clusters or [f'i:{i}' for i in range(len(dist_km))]
  return metrics.Errors(np.asarray(dist_km, np.float64), np.asarray(names))


def test_thresholds_are_strict_and_inclusive_only_on_request():
  errors = errors_of(0.0, 1.0, 25.0, 200.0, 750.0, 2500.0)
  strict = metrics.summarise(errors)
  assert [strict[f'acc@{t}km'] for t in metrics.THRESHOLDS_KM] == [
      1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6]
  inclusive = metrics.summarise(errors, inclusive=True)
  assert [inclusive[f'acc@{t}km'] for t in metrics.THRESHOLDS_KM] == [
      2 / 6, 3 / 6, 4 / 6, 5 / 6, 6 / 6]


def test_geoscore_by_hand():
  # 5000 points at the spot, 5000/e at the scale, 5000/e² at twice the scale.
  figures = metrics.summarise(errors_of(0.0, 1492.7, 2985.4))
  assert figures['geoscore'] == pytest.approx(
      5000 * (1 + math.exp(-1) + math.exp(-2)) / 3, rel=1e-12)
  # Per photo: 5000, 1839.397 -> 1839, 676.676 -> 677.
  assert figures['geoscore_rounded'] == (5000 + 1839 + 677) / 3


def test_mean_and_median_by_hand():
  figures = metrics.summarise(errors_of(10.0, 0.0, 2.0, 4.0))
  assert figures['mean_km'] == 4.0
  assert figures['median_km'] == 3.0


def test_osv5m_published_pair_is_consistent():
  # GeoScore is convex in distance: the published mean score of OSV-5M's
  # baseline (3361 at 1814 km) must lie above the score at the mean distance.
  assert 5000 * math.exp(-1814 / 1492.7) < 3361


@pytest.mark.parametrize('cuts', [[7], [1, 2, 3], [50, 900], [999]])
def test_merged_parts_give_the_same_bits_in_any_order(cuts):
  rng = np.random.default_rng(0)
  whole = errors_of(*rng.gamma(0.5, 2000, 1000))
  edges = [0, *cuts, 1000]
  parts = [metrics.Errors(whole.dist_km[a:b], whole.clusters[a:b])
           for a, b in zip(edges, edges[1:])]
  assert metrics.summarise(metrics.merge(parts[::-1])) == metrics.summarise(
      whole)


@pytest.mark.parametrize('bad', [float('nan'), -1.0])
def test_an_impossible_error_is_refused_by_row(bad):
  with pytest.raises(ValueError, match='first in row 1'):
    errors_of(3.0, bad)


def test_no_rows_is_refused():
  with pytest.raises(ValueError, match='0 rows'):
    metrics.summarise(metrics.Errors(np.zeros(0), np.zeros(0, np.str_)))


def test_merging_is_associative_and_empty_parts_are_nothing():
  rng = np.random.default_rng(1)
  a, b, c = (errors_of(*rng.gamma(0.5, 2000, n)) for n in (3, 1, 40))
  nothing = metrics.Errors(np.zeros(0), np.zeros(0, np.str_))
  merge = metrics.merge
  figures = [metrics.summarise(merge(parts)) for parts in (
      [a, b, c], [merge([a, b]), c], [a, merge([b, c])],
      [nothing, c, nothing, a, b])]
  assert all(other == figures[0] for other in figures)
  assert len(merge([nothing, nothing]).dist_km) == 0


def test_merging_keeps_each_error_with_its_origin():
  merged = metrics.merge([errors_of(5.0, clusters=['a:long name']),
                          errors_of(7.0, clusters=['s:x'])])
  assert dict(zip(merged.clusters, merged.dist_km)) == {
      'a:long name': 5.0, 's:x': 7.0}


def test_thresholds_may_come_from_any_iterable():
  figures = metrics.summarise(
      errors_of(1.0, 3.0), (t for t in (2, 0.5, 3)))
  assert [figures[f'acc@{t}km'] for t in (2, 0.5, 3)] == [0.5, 0, 0.5]


def test_an_error_without_an_origin_is_refused():
  with pytest.raises(ValueError, match='2 errors but 1 clusters'):
    errors_of(1.0, 2.0, clusters=['a:x'])


def test_infinity_is_no_distance():
  with pytest.raises(ValueError, match='first in row 2: inf'):
    errors_of(1.0, 2.0, float('inf'))


def test_every_figure_gets_worse_with_distance():
  near = metrics.summarise(errors_of(0.5, 20.0, 700.0))
  far = metrics.summarise(errors_of(1.5, 26.0, 2600.0))
  for name in near:
    if name.endswith('_km') and not name.startswith('acc'):
      assert near[name] < far[name], name
    else:
      assert near[name] >= far[name], name
