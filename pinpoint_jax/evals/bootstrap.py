"""Confidence intervals that resample photographers, not photos.

Photos of one author succeed and fail together, so the author is the unit: a
benchmark of 3,000 photos by 198 people is a sample of 198.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.evals import metrics


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
  for draw in draws:
    picks = rng.integers(num_clusters, size=num_clusters)
    weights = np.bincount(picks, minlength=num_clusters)
    draw[:-1] = weights @ sums / (weights @ sizes)
    draw[-1] = weighted_median(dist_km, weights[codes])
  tails = [(1 - level) / 2, (1 + level) / 2]
  low, high = np.quantile(draws, tails, axis=0)
  return {name: [float(a), float(b)]
          for name, a, b in zip([*names, 'median_km'], low, high)}


def weighted_median(
    sorted_values: Float[np.ndarray, 'n'],
    weights: Int[np.ndarray, 'n']) -> float:
  """Median of `sorted_values` with each repeated `weights` times."""
  total = np.cumsum(weights)
  middle = np.searchsorted(total, [(total[-1] + 1) // 2, total[-1] // 2 + 1])
  return float(sorted_values[middle].mean())


def _canonical(errors: metrics.Errors) -> tuple[np.ndarray, np.ndarray]:
  _, codes = np.unique(errors.clusters, return_inverse=True)
  order = np.lexsort((codes, errors.dist_km))
  return errors.dist_km[order], codes[order]


def _per_photo(
    dist_km: np.ndarray, inclusive: bool
) -> tuple[list[np.ndarray], Sequence[str]]:
  scores = metrics.geoscore(dist_km)
  below = np.less_equal if inclusive else np.less
  columns = {f'acc@{t}km': below(dist_km, t).astype(np.float64)
             for t in metrics.THRESHOLDS_KM}
  columns |= {'geoscore': scores,
              'geoscore_rounded': np.floor(scores + 0.5),
              'mean_km': dist_km}
  return list(columns.values()), list(columns)
