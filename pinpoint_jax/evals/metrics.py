"""Geolocation metrics as sums over photos that merge in any order.

`Errors` holds one distance per photo, so merging two batches or two hosts is
concatenation and the figures are those of the whole set to the last bit:
every sum is taken over sorted distances.
"""

from collections.abc import Iterable, Mapping
import dataclasses

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import geoscore

THRESHOLDS_KM = (1, 25, 200, 750, 2500)


@dataclasses.dataclass(frozen=True)
class Errors:
  """Distance from answer to truth per photo, with the photo's origin.

  Attributes:
    dist_km: error of each answer, float64 [n].
    clusters: photographer or sequence of each photo, [n].
  """

  dist_km: Float[np.ndarray, 'n']
  clusters: types.Strings

  def __post_init__(self):
    if len(self.dist_km) != len(self.clusters):
      raise ValueError(f'{len(self.dist_km)} errors but '
                       f'{len(self.clusters)} clusters')
    bad = np.flatnonzero(~(self.dist_km >= 0) | np.isinf(self.dist_km))
    if len(bad):
      raise ValueError(f'{len(bad)} errors are no distance, first in row '
                       f'{bad[0]}: {self.dist_km[bad[0]]}')


@dataclasses.dataclass(frozen=True)
class Share:
  """A share of those photos that a figure counts.

  Attributes:
    right: photos that are in the share, each of them counted, [n].
    counted: photos in its denominator, [n].
  """

  right: Bool[np.ndarray, 'n']
  counted: Bool[np.ndarray, 'n']

  def __post_init__(self):
    if (self.right & ~self.counted).any():
      raise ValueError('a photo is right that is not counted')


def merge(parts: Iterable[Errors]) -> Errors:
  """One record of all `parts` (batches, hosts)."""
  parts = list(parts)
  return Errors(np.concatenate([p.dist_km for p in parts]),
                np.concatenate([p.clusters for p in parts]))


def summarise(
    errors: Errors, thresholds_km: Iterable[float] = THRESHOLDS_KM,
    inclusive: bool = False) -> dict[str, float]:
  """Figures of a table: accuracy per threshold, GeoScore, mean and median.

  A photo counts at a threshold if its error is strictly below it; `inclusive`
  counts equality too, as GeoCLIP's tables do.
  """
  thresholds_km, dist_km = tuple(thresholds_km), np.sort(errors.dist_km)
  if not len(dist_km):
    raise ValueError('no photo to score: 0 rows')
  side = 'right' if inclusive else 'left'
  within = np.searchsorted(dist_km, thresholds_km, side=side)
  scores = geoscore.points(dist_km)
  figures = {f'acc@{t}km': float(w / len(dist_km))
             for t, w in zip(thresholds_km, within)}
  return figures | {
      'geoscore': float(scores.mean()),
      'geoscore_rounded': float(np.floor(scores + 0.5).mean()),
      'mean_km': float(dist_km.mean()),
      'median_km': float(np.median(dist_km)),
  }


def share_figures(shares: Mapping[str, Share]) -> dict[str, float | int]:
  """Of shares called acc@NAME their value, if they have one, and num@NAME."""
  figures: dict[str, float | int] = {}
  for name, share in shares.items():
    count = int(share.counted.sum())
    if count:
      figures[name] = float(share.right.sum() / count)
    figures[name.replace('acc@', 'num@')] = count
  return figures
