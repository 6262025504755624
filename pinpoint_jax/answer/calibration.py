"""From the scores of candidates to what may be promised about an answer.

  candidates ─▶ Signals: how much of the probability lies near the answer, how
                alike the nearest rows are ─▶ P(error < km), by a regression
                of each threshold ─▶ a curve over all kilometres
  errors of other held-out photos on their own curves, in thirds by how hard
  the photos are ─▶ radius of any share

Chances are fitted on all calibration photos. Curves are fitted again on one
half of them, and levels are the other half's: radii hold for at least their
share of photos like the calibration's, hard and easy ones, whatever the curves
are worth (split conformal prediction, by groups).
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import claim_calibration, records, regression
from pinpoint_jax.answer import likelihood as likelihoods
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.answer.signals import THRESHOLDS_KM, Signals

# The curve begins and ends here, with chances of 0 and 1.
_NEAREST_KM = 0.01
# A curve rises at least so much in all.
_LEAST = 1e-3
# Holds weights of few photos near those of scores that are right as they stand.
_L2 = 10.
# What older models lack.
_PARTS = {'claims': claim_calibration.ClaimCalibration,
          'likelihood': likelihoods.Likelihood}
# How hard a photo is: its chance within 25 km, of so many groups, each of which
# needs so many photos.
_HARDNESS, _GROUPS, _MIN_GROUP = THRESHOLDS_KM.index(25), 3, 100
# Of calibration photos, those that are least like the gallery.
_UNLIKE_SHARE = 0.01


@dataclasses.dataclass(frozen=True)
class Calibration:
  """What calibration photos say about answers like theirs.

  Attributes:
    weights: of Signals.columns, by threshold, float32 [5, 13].
    curve_weights: the same, of one half of the photos.
    levels: where the errors of the second half lie on their own curves,
      ascending within each group of photos that are as hard, float32 [n].
    least_alike: similarity that 99 % of the photos exceed, float32 [].
    claims: how claimed places are judged; None in models that were exported
      before that was known.
    likelihood: how likely each place on Earth is; None as `claims`.
    edges: chances within 25 km that part the groups, ascending, float32
      [groups - 1].
    starts: number of the first level of each group, then that of all levels,
      int32 [groups + 1].
  """

  weights: Float[np.ndarray, '5 13']
  curve_weights: Float[np.ndarray, '5 13']
  levels: Float[np.ndarray, 'n']
  least_alike: Float[np.ndarray, '']
  claims: claim_calibration.ClaimCalibration | None = None
  likelihood: likelihoods.Likelihood | None = None
  edges: Float[np.ndarray, 'g_less_1'] = dataclasses.field(
      default_factory=lambda: np.zeros(0, np.float32))
  starts: Int[np.ndarray, 'g_plus_1'] | None = None

  @property
  def groups(self) -> list[Float[np.ndarray, '_']]:
    """The levels of each group."""
    if self.starts is None:
      return [self.levels]
    return np.split(self.levels, self.starts[1:-1])

  def chances(self, signals: Signals) -> Float[np.ndarray, 'b 5']:
    """P(error < km) for each of THRESHOLDS_KM, never falling with km."""
    return _chances(self.weights, signals)

  def heights(self, signals: Signals) -> Float[np.ndarray, 'b 5']:
    """The same by one half of the photos: heights of the curves of radii."""
    return _chances(self.curve_weights, signals)

  def reach(self, heights: Float[np.ndarray, '5']) -> records.Reach:
    """The radii of one answer."""
    group = int(np.searchsorted(
        self.edges, np.float32(heights[_HARDNESS]), 'right'))
    return records.Reach(*curve(heights), self.groups[group])

  def is_unlike(self, signals: Signals) -> Bool[np.ndarray, 'b']:
    """Whether a photo is less like the gallery than nearly all were."""
    return signals.alike < self.least_alike

  def is_sound(self) -> bool:
    """Whether the arrays fit each other and today's signals."""
    shape = len(THRESHOLDS_KM), len(signals_lib.AS_THEY_STAND)
    return (self.weights.shape == self.curve_weights.shape == shape
            and self.levels.ndim == 1
            and len(self.groups) == len(self.edges) + 1
            and not any((np.diff(some) < 0).any() for some in self.groups))

  def as_params(self) -> Mapping[str, Any]:
    """Arrays, as a model directory keeps them."""
    params = {field.name: value for field in dataclasses.fields(self)
              if (value := getattr(self, field.name)) is not None}
    return params | {name: dataclasses.asdict(params[name])
                     for name in _PARTS if name in params}


def from_params(params: Mapping[str, Any]) -> Calibration:
  """The calibration whose `as_params` these are."""
  weights = _of_today(params['weights'])
  return Calibration(
      weights, _of_today(params.get('curve_weights', weights)),
      params['levels'], params['least_alike'],
      **{name: part(**params[name]) for name, part in _PARTS.items()
         if name in params},
      # A model's file holds all of its numbers as floats.
      **{name: params[name].astype(dtype) for name, dtype in (
          ('edges', np.float32), ('starts', np.int32)) if name in params})


def _of_today(weights: Float[np.ndarray, '5 w']) -> Float[np.ndarray, '5 v']:
  """Weights of older models as those of the columns of today."""
  if weights.shape[1] == 3:
    # Of log-odds, as the oldest have them: log p and -log(1 - p) alike.
    weights = weights[:, [0, 0, 1, 2]]
  if weights.shape[1] != len(signals_lib.BETA):
    return weights
  wide = np.zeros((len(weights), len(signals_lib.AS_THEY_STAND)), np.float32)
  wide[:, signals_lib.BETA] = weights
  return wide


def fit(signals: Signals, dist_km: Float[np.ndarray, 'b'],
        clusters: types.Strings) -> Calibration:
  """Of photos of known place: chances by all, radii by halves.

  clusters: the origin of each photo; a half has all photos of an origin.
  """
  first = regression.halves(clusters)
  if min(first.sum(), (~first).sum()) < regression.MIN_PHOTOS:
    raise ValueError(
        f'{len(dist_km)} calibration photos of {len(np.unique(clusters))} '
        f'authors or drives: each half needs {regression.MIN_PHOTOS} photos; '
        f'name a store of more photos')
  draft = Calibration(
      _weights(signals, dist_km),
      _weights(signals.take(first), dist_km[first]), np.zeros(0, np.float32),
      np.asarray(np.quantile(signals.alike, _UNLIKE_SHARE), np.float32))
  heights = draft.heights(signals.take(~first))
  found = levels(dist_km[~first], heights)
  hard, num = heights[:, _HARDNESS].astype(np.float32), _num_groups(len(found))
  edges = np.quantile(hard, np.arange(1, num) / num).astype(np.float32)
  group = np.searchsorted(edges, hard, 'right')
  return dataclasses.replace(
      draft, levels=found[np.lexsort((found, group))], edges=edges,
      starts=np.append(0, np.cumsum(np.bincount(
          group, minlength=num))).astype(np.int32))


def _weights(signals: Signals,
             dist_km: Float[np.ndarray, 'b']) -> Float[np.ndarray, '5 13']:
  return np.stack([
      chance_weights(signals.columns(i), dist_km < km)
      for i, km in enumerate(THRESHOLDS_KM)]).astype(np.float32)


def chance_weights(columns: Float[np.ndarray, 'n 13'],
                   right: Bool[np.ndarray, 'n']) -> Float[np.ndarray, '13']:
  """Weights of Signals.columns by which chances of being right come true."""
  return regression.logistic(columns, right, _L2, signals_lib.AS_THEY_STAND)


def _chances(weights: Float[np.ndarray, '5 13'],
             signals: Signals) -> Float[np.ndarray, 'b 5']:
  # Row by row, unlike a matrix product: no photo depends on its batch.
  chances = np.stack([regression.sigmoid(
      (signals.columns(i) * row.astype(np.float64)).sum(axis=1))
                      for i, row in enumerate(weights)], axis=1)
  return np.maximum.accumulate(chances, axis=1)


def _num_groups(num_photos: int) -> int:
  """Thirds, or one group where a third would be too few to promise by."""
  return _GROUPS if num_photos >= _GROUPS * _MIN_GROUP else 1


def levels(dist_km: Float[np.ndarray, 'n'],
           heights: Float[np.ndarray, 'n 5']) -> Float[np.ndarray, 'n']:
  """Where errors lie on the curves of their own photos, float32."""
  logs = np.log(np.maximum(dist_km, _NEAREST_KM))
  return np.asarray([np.interp(log_km, *curve(some))
                     for log_km, some in zip(logs, heights)], np.float32)


def curve(chances: Float[np.ndarray, '5']) -> tuple[
    Float[np.ndarray, '7'], Float[np.ndarray, '7']]:
  """log km of the knots, and P(error < km) there, strictly rising."""
  log_km = np.log([_NEAREST_KM, *THRESHOLDS_KM, records.FARTHEST_KM])
  heights = np.concatenate([[0.], chances, [1.]])
  # A curve that is level has no inverse.
  return log_km, (1 - _LEAST) * heights + _LEAST * np.linspace(0, 1, 7)
