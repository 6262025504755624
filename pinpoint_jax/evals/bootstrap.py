"""Confidence intervals that resample photographers, not photos.

Photos of one author succeed and fail together, so the author is the unit: a
benchmark of 3,000 photos by 198 people is a sample of 198.
"""

from collections.abc import Callable, Mapping, Sequence

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import geoscore


def intervals(
    errors: metrics.Errors, num_resamples: int = 1000, seed: int = 0,
    level: float = 0.95, inclusive: bool = False) -> dict[str, list[float]]:
  """Percentile interval [low, high] of every figure of `metrics.summarise`.

  Independent of the order of the rows: photos are sorted first.
  """
  if num_resamples <= 0:
    return {}
  _, codes = np.unique(errors.clusters, return_inverse=True)
  order = np.lexsort((codes, errors.dist_km))
  sampled = _Sampled(errors.dist_km[order], codes[order], inclusive)
  rng, num_clusters = np.random.default_rng(seed), int(codes.max()) + 1
  drawn = [sampled.figures(resampled(rng, num_clusters))
           for _ in range(num_resamples)]
  return {name: _edges([some[name] for some in drawn], level)
          for name in drawn[0]}


def share_intervals(
    shares: Mapping[str, metrics.Share], clusters: types.Strings,
    num_resamples: int = 1000, seed: int = 0,
    level: float = 0.95) -> dict[str, list[float]]:
  """The same of each share of which every resample counts a photo."""
  if num_resamples <= 0 or not shares:
    return {}
  _, codes = np.unique(clusters, return_inverse=True)
  # Sums of ones: exact in float32 up to 16 million photos.
  sums = np.stack([np.bincount(codes, part) for share in shares.values()
                   for part in (share.right, share.counted)], dtype=np.float32)
  rng = np.random.default_rng(seed)
  drawn = np.stack([sums @ resampled(rng, sums.shape[1]).astype(np.float32)
                    for _ in range(num_resamples)])
  return {name: _edges(right / counted, level) for name, right, counted in zip(
      shares, drawn.T[::2], drawn.T[1::2]) if counted.all()}


def _edges(draws: Sequence[float] | Float[np.ndarray, 'r'],
           level: float) -> list[float]:
  return np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()


class _Sampled:
  """Figures of photos, each counted as often as its cluster is drawn."""

  def __init__(self, dist_km: Float[np.ndarray, 'n'],
               codes: Int[np.ndarray, 'n'], inclusive: bool):
    """Photos in the order of their distance; codes of their clusters."""
    self._dist_km, self._codes = dist_km, codes
    self._within = np.searchsorted(dist_km, metrics.THRESHOLDS_KM,
                                   side='right' if inclusive else 'left')
    scores = geoscore.points(dist_km)
    means = {'geoscore': scores, 'geoscore_rounded': np.floor(scores + 0.5),
             'mean_km': dist_km}
    self._names = tuple(means)
    self._sums = np.stack([np.bincount(codes, column)
                           for column in means.values()])

  def figures(self, counts: Int[np.ndarray, 'c']) -> dict[str, float]:
    """Of one resample."""
    total = np.cumsum(counts[self._codes])
    num = total[-1]
    below = np.where(self._within > 0, total[self._within - 1], 0)
    figures = {f'acc@{t}km': share for t, share in zip(
        metrics.THRESHOLDS_KM, (below / num).tolist())}
    # As floats, which BLAS multiplies.
    sums = self._sums @ counts.astype(np.float64)
    figures |= dict(zip(self._names, (sums / num).tolist()))
    return figures | {'median_km': _median(self._dist_km, total)}


def _median(sorted_values: Float[np.ndarray, 'n'],
            total: Int[np.ndarray, 'n']) -> float:
  """Of values of which the first i + 1 count `total[i]` times in all."""
  # Places of the middle value, or of the two, counted from 1.
  middle = np.searchsorted(total, [(total[-1] + 1) // 2, total[-1] // 2 + 1])
  return float(sorted_values[middle].mean())


def draws(statistics: Callable[[Int[np.ndarray, 'm']], Sequence[float]],
          clusters: types.Strings, num_resamples: int,
          seed: int = 0) -> Float[np.ndarray, 'r s']:
  """Any statistics of rows, of resamples of whole clusters.

  statistics: of row numbers, some of them several times, others not at all.
  """
  _, codes, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
  rows = np.argsort(codes, kind='stable')
  first = np.cumsum(sizes) - sizes
  rng = np.random.default_rng(seed)
  results = []
  for _ in range(num_resamples):
    drawn = rng.integers(len(sizes), size=len(sizes))
    ends = np.cumsum(sizes[drawn])
    # Of each drawn cluster its first row, and all that follow it.
    starts = np.repeat(first[drawn] - (ends - sizes[drawn]), sizes[drawn])
    results.append(statistics(rows[starts + np.arange(ends[-1])]))
  return np.asarray(results, np.float64)


def resampled(rng: np.random.Generator, num: int) -> Int[np.ndarray, 'num']:
  """How often each of so many is drawn."""
  return np.bincount(rng.integers(num, size=num), minlength=num)
