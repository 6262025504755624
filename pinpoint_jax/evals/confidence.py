"""Do promises come true? Chances, radii, and what refusing the unsure buys.

  chances, errors ─▶ calibration error, Brier score, risk over coverage
  radii, errors   ─▶ share of the truths inside, how wide the radii are

Photos of one author are one draw: intervals resample authors and drives.
"""

import dataclasses
from typing import Any

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import bootstrap, metrics

# Bins of equal width, as of the plot of reliability.
BINS = 10
# Chances at which `accepted` looks.
LEVELS = (0., .1, .2, .3, .4, .5, .6, .7, .8, .9)
# Surer than this and farther off than that is confidently wrong.
SURE, WRONG_KM = .8, 200.


@dataclasses.dataclass(frozen=True)
class Promises:
  """What the answers to some photos promised, and what came of it.

  Attributes:
    chances: P(error < km) for each of metrics.THRESHOLDS_KM.
    dist_km: from the answers to the truths.
    radius_km: that each share of `shares` of the truths should lie within.
    shares: promised by the radii.
    clusters: author or drive of each photo.
  """

  chances: Float[np.ndarray, 'n 5']
  dist_km: Float[np.ndarray, 'n']
  radius_km: Float[np.ndarray, 'n s']
  shares: tuple[float, ...]
  clusters: types.Strings

  def take(self, rows: np.ndarray) -> 'Promises':
    """Those of some photos, by number or mask."""
    return dataclasses.replace(
        self, chances=self.chances[rows], dist_km=self.dist_km[rows],
        radius_km=self.radius_km[rows], clusters=self.clusters[rows])

  def right(self, km: int) -> Bool[np.ndarray, 'n']:
    """Which answers are nearer to the truth than that."""
    return self.dist_km < km

  def sure(self, km: int) -> Float[np.ndarray, 'n']:
    """Chances of one threshold."""
    return self.chances[:, metrics.THRESHOLDS_KM.index(km)]


def figures(promises: Promises, num_resamples: int = 300,
            seed: int = 0) -> dict[str, Any]:
  """Every figure by its name, with 95 % intervals under `ci95`."""
  if not len(promises.dist_km):
    raise ValueError('no photo to judge the confidence on: 0 rows')
  values = _values(promises)
  ci95 = {}
  if num_resamples > 0:
    draws = bootstrap.draws(
        lambda rows: list(_values(promises.take(rows)).values()),
        promises.clusters, num_resamples, seed)
    ci95 = {name: [float(low), float(high)] for name, low, high in zip(
        values, *np.quantile(draws, [.025, .975], axis=0))}
  return {'num_photos': len(promises.dist_km),
          'num_clusters': len(np.unique(promises.clusters)),
          **values, 'ci95': ci95}


def _values(promises: Promises) -> dict[str, float]:
  values = {}
  for km in metrics.THRESHOLDS_KM:
    sure, right = promises.sure(km), promises.right(km)
    values |= {f'ece@{km}km': ece(sure, right),
               f'brier@{km}km': brier(sure, right)}
  sure, right = promises.sure(25), promises.right(25)
  values |= {'aurc@25km': aurc(sure, right),
             'aurc_best@25km': aurc(right.astype(float), right),
             'risk@25km': float(1 - right.mean())}
  for i, share in enumerate(promises.shares):
    radius = promises.radius_km[:, i]
    values |= {
        f'inside@{share:g}': float((promises.dist_km <= radius).mean()),
        f'mean_radius_km@{share:g}': float(radius.mean()),
        f'median_radius_km@{share:g}': float(np.median(radius))}
  return values


def ece(chances: Float[np.ndarray, 'n'], right: Bool[np.ndarray, 'n']) -> float:
  """Expected calibration error: |promised - came true| of BINS bins of equal
  width, weighted by their photos."""
  number = np.minimum((chances * BINS).astype(int), BINS - 1)
  gaps = np.bincount(number, chances - right, BINS)
  return float(np.abs(gaps).sum() / len(chances))


def brier(chances: Float[np.ndarray, 'n'],
          right: Bool[np.ndarray, 'n']) -> float:
  """Mean squared difference between the chance and 1 or 0."""
  return float(np.mean((chances - right)**2))


def risk_coverage(sure: Float[np.ndarray, 'n'], right: Bool[np.ndarray, 'n'],
                  ) -> tuple[Float[np.ndarray, 'c'], Float[np.ndarray, 'c']]:
  """Share of photos answered, the surest first, and share of these that is
  wrong; photos that are equally sure are answered together."""
  order = np.argsort(-sure, kind='stable')
  ends = np.flatnonzero(np.append(np.diff(sure[order]) != 0, True)) + 1
  wrong = np.cumsum(~right[order])[ends - 1]
  return ends / len(sure), wrong / ends


def aurc(sure: Float[np.ndarray, 'n'], right: Bool[np.ndarray, 'n']) -> float:
  """Area under risk over coverage: the mean risk over all shares answered.

  Among equally sure photos, as many are wrong as in all of them together.
  """
  coverage, _ = risk_coverage(sure, right)
  ends = np.rint(coverage * len(sure)).astype(int)
  order = np.argsort(-sure, kind='stable')
  wrong = np.concatenate([[0], np.cumsum(~right[order])[ends - 1]])
  # Wrong answers grow evenly within a group of equals.
  at = np.arange(1, len(sure) + 1)
  return float(np.mean(np.interp(at, np.concatenate([[0], ends]), wrong) / at))


def accepted(sure: Float[np.ndarray, 'n'], right: Bool[np.ndarray, 'n'],
             levels: tuple[float, ...] = LEVELS) -> list[dict[str, float]]:
  """Coverage and risk of answering only what is at least so sure.

  Levels at which nothing is left are left out.
  """
  return [{'sure': level, 'coverage': float(kept.mean()),
           'risk': float(1 - right[kept].mean())}
          for level in levels if (kept := sure >= level).any()]


def roc_area(positive: Float[np.ndarray, 'p'],
             negative: Float[np.ndarray, 'm']) -> float:
  """How often a positive has the higher score, equals counted half."""
  ranked = np.sort(negative)
  below = (np.searchsorted(ranked, positive, 'left')
           + np.searchsorted(ranked, positive, 'right')) / 2
  return float(below.mean() / len(negative))


def confidently_wrong(promises: Promises, sure: float = SURE,
                      wrong_km: float = WRONG_KM) -> np.ndarray:
  """Photos whose answer was sure of 200 km and is farther off, the surest
  first, int [m]."""
  chances = promises.sure(200)
  rows = np.flatnonzero((chances >= sure) & (promises.dist_km >= wrong_km))
  return rows[np.argsort(-chances[rows], kind='stable')]

