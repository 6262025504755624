"""From the scores of candidates to what may be promised about an answer.

  candidates ─▶ Signals: how much of the probability lies near the answer, how
                alike the nearest rows are ─▶ P(error < km), by a logistic
                regression of each threshold ─▶ a curve over all kilometres
  errors of other held-out photos on their own curves ─▶ radius of any share

The regressions are fitted on one half of the calibration photos, the radii on
the other: these hold for at least their share of photos like the calibration's,
whatever the curves are worth (split conformal prediction).
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import (
  claim_calibration,
  decoding,
  records,
  regression,
)
from pinpoint_jax.geo import distance

THRESHOLDS_KM = (1, 25, 200, 750, 2500)
# The curve begins and ends here, with chances of 0 and 1.
_NEAREST_KM = 0.01
# Chances of 0 and 1 have no log-odds.
_LEAST = 1e-3
# Keeps weights finite where a threshold parts the photos.
_L2 = 1e-2
# Of calibration photos, those that are least like the gallery.
_UNLIKE_SHARE = 0.01


@dataclasses.dataclass(frozen=True)
class Signals:
  """What the candidates of each photo say about its answer.

  Attributes:
    near: share of the probability within each of THRESHOLDS_KM, [b, 5].
    alike: similarity of the candidate most like the photo, [b].
  """

  near: Float[np.ndarray, 'b 5']
  alike: Float[np.ndarray, 'b']

  def columns(self, threshold: int) -> Float[np.ndarray, 'b 3']:
    """What the regression of a threshold reads, with a constant."""
    near = np.clip(self.near[:, threshold], _LEAST, 1 - _LEAST)
    return np.stack([np.log(near / (1 - near)), self.alike,
                     np.ones(len(near))], axis=1)


@dataclasses.dataclass(frozen=True)
class Calibration:
  """What calibration photos say about answers like theirs.

  Attributes:
    weights: of Signals.columns, by threshold, float32 [5, 3].
    levels: where the errors of the second half lie on their own curves,
      ascending, float32 [n].
    least_alike: similarity that 99 % of the photos exceed, float32 [].
    claims: how claimed places are judged; None in models that were exported
      before that was known.
  """

  weights: Float[np.ndarray, '5 3']
  levels: Float[np.ndarray, 'n']
  least_alike: Float[np.ndarray, '']
  claims: claim_calibration.ClaimCalibration | None = None

  def chances(self, signals: Signals) -> Float[np.ndarray, 'b 5']:
    """P(error < km) for each of THRESHOLDS_KM, never falling with km."""
    weights = self.weights.astype(np.float64)
    # Row by row, unlike a matrix product: no photo depends on its batch.
    chances = np.stack([regression.sigmoid(
        (signals.columns(i) * weights[i]).sum(axis=1))
                        for i in range(len(THRESHOLDS_KM))], axis=1)
    return np.maximum.accumulate(chances, axis=1)

  def reach(self, chances: Float[np.ndarray, '5']) -> records.Reach:
    """The radii of one answer."""
    return records.Reach(*curve(chances), self.levels)

  def is_unlike(self, signals: Signals) -> Bool[np.ndarray, 'b']:
    """Whether a photo is less like the gallery than nearly all were."""
    return signals.alike < self.least_alike

  def as_params(self) -> Mapping[str, Any]:
    """Arrays, as a model directory keeps them."""
    params = {name: getattr(self, name)
              for name in ('weights', 'levels', 'least_alike')}
    return params if self.claims is None else params | {
        'claims': dict(self.claims.as_params())}


def from_params(params: Mapping[str, Any]) -> Calibration:
  """The calibration whose `as_params` these are."""
  claims = params.get('claims')
  return Calibration(
      params['weights'], params['levels'], params['least_alike'],
      None if claims is None else claim_calibration.ClaimCalibration(**claims))


def signals(scores: Float[np.ndarray, 'b k'],
            latlng_deg: Float[np.ndarray, 'b k 2'],
            answer: Float[np.ndarray, 'b 2'],
            alike: Float[np.ndarray, 'b']) -> Signals:
  """Signals of queries with at least one candidate.

  scores: log-odds of the candidates, -inf in padded slots.
  latlng_deg: of the candidates.
  answer: the chosen place of each query.
  alike: similarity of the candidate most like the query.
  """
  shares = decoding.softmax(scores)
  dist_km = distance.haversine_km(latlng_deg, answer[:, None])
  near = np.stack([np.where(dist_km < km, shares, 0.).sum(axis=1)
                   for km in THRESHOLDS_KM], axis=1)
  return Signals(near, alike)


def fit(signals: Signals, dist_km: Float[np.ndarray, 'b'],
        clusters: types.Strings) -> Calibration:
  """Of photos of known place: regressions on one half, radii on the other.

  clusters: the origin of each photo; a half has all photos of an origin.
  """
  first = regression.halves(clusters)
  if min(first.sum(), (~first).sum()) < regression.MIN_PHOTOS:
    raise ValueError(
        f'{len(dist_km)} calibration photos of {len(np.unique(clusters))} '
        f'authors or drives: each half needs {regression.MIN_PHOTOS} photos; '
        f'name a store of more photos')
  weights = np.stack([
      regression.logistic(signals.columns(i)[first], dist_km[first] < km, _L2)
      for i, km in enumerate(THRESHOLDS_KM)])
  draft = Calibration(weights.astype(np.float32), np.zeros(0, np.float32),
                      np.asarray(np.quantile(signals.alike, _UNLIKE_SHARE),
                                 np.float32))
  other = Signals(signals.near[~first], signals.alike[~first])
  levels = [_level(dist, *curve(chances)) for dist, chances in
            zip(dist_km[~first], draft.chances(other))]
  return dataclasses.replace(
      draft, levels=np.sort(np.asarray(levels, np.float32)))


def curve(chances: Float[np.ndarray, '5']) -> tuple[
    Float[np.ndarray, '7'], Float[np.ndarray, '7']]:
  """log km of the knots, and P(error < km) there, strictly rising."""
  log_km = np.log([_NEAREST_KM, *THRESHOLDS_KM, records.FARTHEST_KM])
  heights = np.concatenate([[0.], chances, [1.]])
  # A curve that is level has no inverse.
  return log_km, (1 - _LEAST) * heights + _LEAST * np.linspace(0, 1, 7)


def _level(dist_km: float, log_km: np.ndarray, heights: np.ndarray) -> float:
  return float(np.interp(
      np.log(max(dist_km, _NEAREST_KM)), log_km, heights))
