"""What the candidates of a photo say about how good its answer is."""

from collections.abc import Sequence
import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax.answer import decoding
from pinpoint_jax.geo import distance

THRESHOLDS_KM = (1, 25, 200, 750, 2500)
# Chances of 0 and 1 have no log-odds.
_LEAST = 1e-3
# Log-odds at which their weight may change.
KNOTS = (-4., -2., 0., 2., 4.)
# Of `Signals.columns`: those of beta calibration, and the weights of chances
# that are right as they stand.
BETA = (0, 1, -2, -1)
AS_THEY_STAND = np.asarray([1., 1.] + [0.] * 11)


@dataclasses.dataclass(frozen=True)
class Signals:
  """What the candidates of each photo say about its answer.

  Attributes:
    near: share of the probability within each of THRESHOLDS_KM, [b, 5].
    alike: similarity of the candidate most like the photo, [b].
  """

  near: Float[np.ndarray, 'b 5']
  alike: Float[np.ndarray, 'b']

  def take(self, rows: np.ndarray) -> 'Signals':
    """Those of some photos, by number or mask."""
    return Signals(self.near[rows], self.alike[rows])

  def columns(self, threshold: int) -> Float[np.ndarray, 'b 13']:
    """What the regression of a threshold reads, with a constant.

    log p and -log(1 - p) apart, as in beta calibration (Kull and others, 2017);
    by how much the log-odds exceed each of KNOTS; those of the other
    thresholds; likeness.
    """
    near, odds = self._near(), self._log_odds()
    return np.concatenate([
        np.log(near[:, [threshold]]), -np.log(1 - near[:, [threshold]]),
        np.maximum(odds[:, [threshold]] - np.asarray(KNOTS), 0),
        np.delete(odds, threshold, axis=1), self._rest()], axis=1)

  def all_columns(self) -> Float[np.ndarray, 'b 7']:
    """Log-odds of `near`, then `alike`, then a constant."""
    return np.concatenate([self._log_odds(), self._rest()], axis=1)

  def _near(self) -> Float[np.ndarray, 'b 5']:
    return np.clip(self.near, _LEAST, 1 - _LEAST)

  def _log_odds(self) -> Float[np.ndarray, 'b 5']:
    near = self._near()
    return np.log(near / (1 - near))

  def _rest(self) -> Float[np.ndarray, 'b 2']:
    return np.stack([self.alike, np.ones(len(self.alike))], axis=1)


def joined(parts: Sequence[Signals]) -> Signals:
  """Those of all parts, in order."""
  return Signals(np.concatenate([part.near for part in parts]),
                 np.concatenate([part.alike for part in parts]))


def of(scores: Float[np.ndarray, 'b k'],
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
