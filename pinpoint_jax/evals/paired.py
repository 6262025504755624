"""Differences of two systems on the same queries, and what a table can show.

Both systems meet the same easy and hard queries, so their difference is known
far better than either figure. As in `bootstrap`, photographers and drives are
resampled, not photos; those of several seeds are different ones.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.evals import bootstrap, metrics
from pinpoint_jax.geo import geoscore

STATISTICS = (*(f'acc@{t}km' for t in metrics.THRESHOLDS_KM), 'geoscore')
# Fewer clusters than these show nothing, even if all of them agree: a two-sided
# sign test of five has p = 2 · 0.5⁵ = 0.06, of six 0.03.
MIN_CLUSTERS = 6
# Normal quantiles of 97.5 % (two-sided 5 %) and of 80 % (power), added.
_VISIBLE = 1.960 + 0.842
# Weights of clusters in memory at a time, for several resamples together.
_NUMBERS = 1 << 20


@dataclasses.dataclass(frozen=True)
class Pair:
  """Errors of two systems on the same queries of one run, in one order.

  Attributes:
    better: of the system that is expected to be better.
    base: of the one it is compared with.
  """

  better: metrics.Errors
  base: metrics.Errors

  def __post_init__(self):
    clusters = self.better.clusters, self.base.clusters
    if not np.array_equal(*clusters):
      raise ValueError(
          f'{len(clusters[0])} and {len(clusters[1])} errors are not of the '
          f'same queries in the same order: pair rows of one query set')
    if not len(clusters[0]):
      raise ValueError('no query to compare on: 0 rows')


@dataclasses.dataclass(frozen=True)
class Difference:
  """How much better one system is; accuracy in percentage points.

  Attributes:
    better: figure of the better system, in percent or GeoScore.
    base: figure of the other.
    difference: mean over the queries of better - base.
    interval: 95 % interval of the difference; None where too few differ.
    relative: the difference as a share of base; None where base is 0.
    relative_interval: 95 % interval of that; None where it has none.
    standard_error: of the difference; None where too few differ.
    by_run: the difference in each run.
    num_queries: of all runs.
    num_clusters: photographers or drives of all runs.
    num_differing: clusters in which the systems differ.
  """

  better: float
  base: float
  difference: float
  interval: tuple[float, float] | None
  relative: float | None
  relative_interval: tuple[float, float] | None
  standard_error: float | None
  by_run: tuple[float, ...]
  num_queries: int
  num_clusters: int
  num_differing: int

  @property
  def smallest_visible(self) -> float | None:
    """The smallest true difference that such a comparison can show."""
    if self.standard_error is None:
      return None
    return smallest_visible(self.standard_error)


def smallest_visible(standard_error: float) -> float:
  """The true difference found with a power of 80 % at a two-sided 5 %."""
  return _VISIBLE * standard_error


def differences(
    runs: Sequence[Pair], num_resamples: int = 1000, seed: int = 0,
    level: float = 0.95) -> dict[str, Difference]:
  """Every figure's paired difference, of the queries of all runs together.

  Independent of the order of queries and runs and of the clusters' names. The
  interval is about queries, photographers and drives; how much the luck of a
  world and of training matters shows in `by_run`.
  """
  return all_differences([runs], num_resamples, seed, level)[0]


def all_differences(
    comparisons: Sequence[Sequence[Pair]], num_resamples: int = 1000,
    seed: int = 0, level: float = 0.95) -> list[dict[str, Difference]]:
  """`differences` of each comparison, in less time: they share resamples."""
  sums = [_merged([_cluster_sums(pair) for pair in runs])
          for runs in comparisons]
  draws: list[Any] = [None] * len(sums)
  for count in {len(some.sizes) for some in sums}:
    at = [i for i, some in enumerate(sums) if len(some.sizes) == count]
    drawn = _draws([sums[i] for i in at], num_resamples, seed)
    for i, means in zip(at, drawn):
      draws[i] = means
  return [{name: _difference(some, i, *(means[:, i] for means in drawn), level)
           for i, name in enumerate(STATISTICS)}
          for some, drawn in zip(sums, draws)]


@dataclasses.dataclass(frozen=True)
class _Sums:
  """Sums of clusters; those of all runs, and of each run."""

  sizes: Int[np.ndarray, 'c']
  gains: Float[np.ndarray, 'c s']
  base: Float[np.ndarray, 'c s']
  by_run: Float[np.ndarray, 'r s']


def _cluster_sums(pair: Pair) -> _Sums:
  _, codes = np.unique(pair.better.clusters, return_inverse=True)
  # Sums of floats depend on the order of their terms.
  order = np.lexsort((pair.better.dist_km, pair.base.dist_km, codes))
  codes = codes[order]
  better, base = (np.stack([np.bincount(codes, column) for column in
                            _per_query(errors.dist_km[order])], axis=1)
                  for errors in (pair.better, pair.base))
  return _merged([_Sums(np.bincount(codes), better - base, base,
                        np.empty((0, len(STATISTICS))))])


def _merged(parts: Sequence[_Sums]) -> _Sums:
  """Clusters of all parts, sorted by content: no order, no name matters."""
  if not parts:
    raise ValueError('no run to compare systems in: give at least one')
  sizes, gains, base = (
      np.concatenate([getattr(part, name) for part in parts])
      for name in ('sizes', 'gains', 'base'))
  order = np.lexsort((*gains.T, *base.T, sizes))
  by_run = [part.gains.sum(0) / part.sizes.sum() for part in parts]
  return _Sums(sizes[order], gains[order], base[order], np.stack(by_run))


def _per_query(dist_km: Float[np.ndarray, 'n']) -> list[
    Float[np.ndarray, 'n']]:
  """What each query adds to each of STATISTICS."""
  return [*(100. * (dist_km < t) for t in metrics.THRESHOLDS_KM),
          geoscore.points(dist_km)]


def _draws(sums: Sequence[_Sums], num_resamples: int,
           seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
  """Mean gain and mean base of each resample, of sums of as many clusters."""
  stacked = [np.concatenate([some.sizes[:, None], some.gains, some.base], 1)
             for some in sums]
  num_clusters, width = stacked[0].shape
  rng = np.random.default_rng(seed)
  drawn = np.empty((len(sums), num_resamples, width))
  step = max(1, _NUMBERS // num_clusters)
  for start in range(0, num_resamples, step):
    some = drawn[:, start:start + step]
    weights = np.stack([bootstrap.resampled(rng, num_clusters)
                        for _ in some[0]]).astype(np.float64)
    for means, table in zip(some, stacked):
      means[:] = weights @ table
  means = drawn[:, :, 1:] / drawn[:, :, :1]
  return [tuple(np.split(some, 2, axis=1)) for some in means]


def _difference(sums: _Sums, i: int, drawn_gains: Float[np.ndarray, 'r'],
                drawn_base: Float[np.ndarray, 'r'],
                level: float) -> Difference:
  """The difference of the i-th statistic, with what the resamples say."""
  num_differing = int((sums.gains[:, i] != 0).sum())
  shown = len(drawn_gains) > 0 and num_differing >= MIN_CLUSTERS
  num_queries = int(sums.sizes.sum())
  gain, base = (float(table[:, i].sum()) / num_queries
                for table in (sums.gains, sums.base))
  has_share = shown and bool((drawn_base > 0).all())
  return Difference(
      better=base + gain, base=base, difference=gain,
      interval=_interval(drawn_gains, level) if shown else None,
      relative=gain / base if base > 0 else None,
      relative_interval=(_interval(drawn_gains / drawn_base, level)
                         if has_share else None),
      standard_error=float(drawn_gains.std(ddof=1)) if shown else None,
      by_run=tuple(sums.by_run[:, i].tolist()),
      num_queries=num_queries, num_clusters=len(sums.sizes),
      num_differing=num_differing)


def _interval(draws: Float[np.ndarray, 'r'],
              level: float) -> tuple[float, float]:
  low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
  return float(low), float(high)
