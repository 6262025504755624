"""Confidence intervals that resample photographers, not photos.

Photos of one author succeed and fail together, so the author is the unit: a
benchmark of 3,000 photos by 198 people is a sample of 198.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import geoscore

# Weights of photos in memory at a time, for several resamples together.
_NUMBERS = 1 << 18


def intervals(
    errors: metrics.Errors, num_resamples: int = 1000, seed: int = 0,
    level: float = 0.95, inclusive: bool = False) -> dict[str, list[float]]:
  """Percentile interval [low, high] of every figure of `metrics.summarise`.

  Independent of the order of the rows: photos are sorted first.
  """
  if num_resamples <= 0:
    return {}
  dist_km, codes = _canonical(errors)
  values, names = _per_photo(dist_km, inclusive)
  num_clusters = int(codes.max()) + 1
  sums = np.stack([np.bincount(codes, column, num_clusters)
                   for column in values], axis=1)
  sizes = np.bincount(codes, minlength=num_clusters)
  rng = np.random.default_rng(seed)
  draws = np.empty((num_resamples, len(names) + 1))
  step = max(1, _NUMBERS // len(codes))
  for start in range(0, num_resamples, step):
    some = draws[start:start + step]
    weights = np.stack([resampled(rng, num_clusters) for _ in some])
    some[:, :-1] = [drawn @ sums / (drawn @ sizes) for drawn in weights]
    some[:, -1] = weighted_medians(dist_km, weights[:, codes])
  tails = [(1 - level) / 2, (1 + level) / 2]
  low, high = np.quantile(draws, tails, axis=0)
  return {name: [float(a), float(b)]
          for name, a, b in zip([*names, 'median_km'], low, high)}


def weighted_medians(
    sorted_values: Float[np.ndarray, 'n'],
    weights: Int[np.ndarray, 'r n']) -> Float[np.ndarray, 'r']:
  """Medians of `sorted_values` with each repeated `weights` times."""
  total = np.cumsum(weights, axis=1)
  last = total[:, -1:]
  # Places of the middle value, or of the two; both are counted from 1.
  middle = [(total < place).sum(axis=1)
            for place in ((last + 1) // 2, last // 2 + 1)]
  return sorted_values[np.stack(middle)].mean(axis=0)


def resampled(rng: np.random.Generator, num: int) -> Int[np.ndarray, 'num']:
  """How often each of so many is drawn."""
  return np.bincount(rng.integers(num, size=num), minlength=num)


def _canonical(errors: metrics.Errors) -> tuple[np.ndarray, np.ndarray]:
  _, codes = np.unique(errors.clusters, return_inverse=True)
  order = np.lexsort((codes, errors.dist_km))
  return errors.dist_km[order], codes[order]


def _per_photo(
    dist_km: np.ndarray, inclusive: bool
) -> tuple[list[np.ndarray], Sequence[str]]:
  scores = geoscore.points(dist_km)
  below = np.less_equal if inclusive else np.less
  columns = {f'acc@{t}km': below(dist_km, t).astype(np.float64)
             for t in metrics.THRESHOLDS_KM}
  columns |= {'geoscore': scores,
              'geoscore_rounded': np.floor(scores + 0.5),
              'mean_km': dist_km}
  return list(columns.values()), list(columns)
