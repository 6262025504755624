"""From how a claimed place fits a photo to a p-value.

  columns of (photo, place) ─▶ statistic: log-odds that the place is the true
                               one and not some other photo's
  statistics of calibration photos at their true places ─▶ p-value

The weights are fitted on one half of the calibration photos, the levels are of
the other. A true claim about a photo like these has p <= a for at most a share
a of photos, whatever the statistic is worth.
"""

import dataclasses

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import regression

# Keeps weights finite where true and moved places are parted.
_L2 = 1.
_NO_SPREAD = 1e-6


@dataclasses.dataclass(frozen=True)
class ClaimCalibration:
  """What calibration photos say about claims of place.

  Attributes:
    centre: of each column, float32 [c].
    spread: its standard deviation, 1 where it is constant, float32 [c].
    weights: of the columns so scaled, and of a constant, float32 [c + 1].
    levels: statistics of the second half at their true places, ascending,
      float32 [n].
    known: which channels the columns are of, float32 [k].
  """

  centre: Float[np.ndarray, 'c']
  spread: Float[np.ndarray, 'c']
  weights: Float[np.ndarray, 'c_plus_1']
  levels: Float[np.ndarray, 'n']
  known: Float[np.ndarray, 'k']

  def parts(self, columns: Float[np.ndarray, '*b c']) -> Float[
      np.ndarray, '*b c']:
    """What each column adds to the statistic, float64."""
    scaled = (columns - self.centre) / self.spread.astype(np.float64)
    return scaled * self.weights[:-1]

  def statistic(self, columns: Float[np.ndarray, '*b c']) -> Float[
      np.ndarray, '*b']:
    """Log-odds of the place: higher fits better; float32, as the levels."""
    # Column by column, unlike a matrix product: no claim depends on its batch.
    total = np.full(columns.shape[:-1], np.float64(self.weights[-1]))
    for part in np.moveaxis(self.parts(columns), -1, 0):
      total = total + part
    return total.astype(np.float32)

  def p_values(self, statistic: Float[np.ndarray, '*b']) -> Float[
      np.ndarray, '*b']:
    """Share of true places that fit no better, this one counted among them."""
    worse = np.searchsorted(self.levels, statistic, side='right')
    return (1. + worse) / (len(self.levels) + 1)

  def is_sound(self, num_columns: int) -> bool:
    """Whether the arrays fit each other and that many columns."""
    return (self.centre.shape == self.spread.shape == (num_columns,)
            and self.weights.shape == (num_columns + 1,)
            and bool((self.spread > 0).all())
            and self.levels.ndim == 1 and len(self.levels) > 0
            and bool((np.diff(self.levels) >= 0).all()))

  @property
  def least_p(self) -> float:
    """No claim has a smaller p-value."""
    return 1 / (len(self.levels) + 1)


def fit(true: Float[np.ndarray, 'b c'], moved: Float[np.ndarray, 'b m c'],
        valid: Bool[np.ndarray, 'b m'], known: Float[np.ndarray, 'k'],
        clusters: types.Strings) -> ClaimCalibration | None:
  """Of photos of known place; None where too few can be moved.

  true: columns of each photo at its place.
  moved: at the places of other photos; those that are not valid are no such.
  clusters: the origin of each photo; a half has all photos of an origin.
  """
  first = regression.halves(clusters)
  some = moved[first][valid[first]]
  if min(first.sum(), (~first).sum(), len(some)) < regression.MIN_PHOTOS:
    return None
  rows = np.concatenate([true[first], some])
  centre, spread = rows.mean(axis=0), rows.std(axis=0)
  spread = np.where(spread > _NO_SPREAD, spread, 1.)
  scaled = np.concatenate([(rows - centre) / spread,
                           np.ones((len(rows), 1))], axis=1)
  weights = regression.logistic(
      scaled, np.arange(len(rows)) < first.sum(), _L2)
  draft = ClaimCalibration(
      centre.astype(np.float32), spread.astype(np.float32),
      weights.astype(np.float32), np.zeros(0, np.float32), known)
  return dataclasses.replace(
      draft, levels=np.sort(draft.statistic(true[~first])))
