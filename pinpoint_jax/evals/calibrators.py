"""Ways from signals to chances, compared on authors that they did not see.

  answers    as answers have it: weights of log p and of -log(1 - p) apart, of
             log-odds beyond knots and of the other thresholds, and of likeness
  beta       of the first two and of likeness alone (Kull and others, 2017)
  logistic   one weight for the log-odds, and one of likeness
  isotonic   of the probability alone: steps that never fall
  stacked    steps of what beta says
"""

from collections.abc import Callable

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import calibration, regression
from pinpoint_jax.answer import signals as signals_lib
import scipy

FOLDS = 10
_L2 = 1e-2

# From what is known of photos of each threshold, and whether their answers are
# right, to the chances of others.
Calibrator = Callable[[signals_lib.Signals, int, Bool[np.ndarray, 'n'],
                       signals_lib.Signals], Float[np.ndarray, 'm']]


def answers(known: signals_lib.Signals, threshold: int,
            right: Bool[np.ndarray, 'n'], asked: signals_lib.Signals,
            ) -> Float[np.ndarray, 'm']:
  """As answer.calibration has it."""
  weights = calibration.chance_weights(known.columns(threshold), right)
  return regression.sigmoid(asked.columns(threshold) @ weights)


def beta(known: signals_lib.Signals, threshold: int,
         right: Bool[np.ndarray, 'n'], asked: signals_lib.Signals,
         ) -> Float[np.ndarray, 'm']:
  """Two weights for the log-odds, of either end."""
  return regression.sigmoid(_beta_logits(known, threshold, right, asked))


def logistic(known: signals_lib.Signals, threshold: int,
             right: Bool[np.ndarray, 'n'], asked: signals_lib.Signals,
             ) -> Float[np.ndarray, 'm']:
  """One weight for the log-odds."""
  columns = lambda signals: signals.all_columns()[:, [threshold, -2, -1]]
  weights = regression.logistic(columns(known), right, _L2)
  return regression.sigmoid(columns(asked) @ weights)


def isotonic(known: signals_lib.Signals, threshold: int,
             right: Bool[np.ndarray, 'n'], asked: signals_lib.Signals,
             ) -> Float[np.ndarray, 'm']:
  """Steps of the probability within the threshold."""
  return _steps(known.near[:, threshold], right, asked.near[:, threshold])


def stacked(known: signals_lib.Signals, threshold: int,
            right: Bool[np.ndarray, 'n'], asked: signals_lib.Signals,
            ) -> Float[np.ndarray, 'm']:
  """Steps of the chance of `beta`."""
  return _steps(_beta_logits(known, threshold, right, known), right,
                _beta_logits(known, threshold, right, asked))


# The first is what the others are compared with.
CALIBRATORS: dict[str, Calibrator] = {
    'beta': beta, 'answers': answers, 'logistic': logistic,
    'isotonic': isotonic, 'stacked': stacked}


def out_of_fold(calibrator: Calibrator, signals: signals_lib.Signals,
                dist_km: Float[np.ndarray, 'n'], clusters: types.Strings,
                seed: int = 0) -> Float[np.ndarray, 'n 5']:
  """Chances of each photo by the photos of other authors, never falling."""
  _, code = np.unique(clusters, return_inverse=True)
  fold = np.random.default_rng(seed).permutation(code.max() + 1)[code] % FOLDS
  chances = np.empty((len(dist_km), len(signals_lib.THRESHOLDS_KM)))
  for number in range(FOLDS):
    out = fold == number
    for i, km in enumerate(signals_lib.THRESHOLDS_KM):
      chances[out, i] = calibrator(
          signals.take(~out), i, dist_km[~out] < km, signals.take(out))
  return np.maximum.accumulate(chances, axis=1)


def _beta_logits(known: signals_lib.Signals, threshold: int,
                 right: Bool[np.ndarray, 'n'], asked: signals_lib.Signals,
                 ) -> Float[np.ndarray, 'm']:
  columns = lambda some: some.columns(threshold)[:, signals_lib.BETA]
  return columns(asked) @ regression.logistic(columns(known), right, _L2)


def _steps(known: Float[np.ndarray, 'n'], right: Bool[np.ndarray, 'n'],
           asked: Float[np.ndarray, 'm']) -> Float[np.ndarray, 'm']:
  """Isotonic regression; between known values the steps are joined."""
  values, number = np.unique(known, return_inverse=True)
  count = np.bincount(number)
  fitted = scipy.optimize.isotonic_regression(
      np.bincount(number, right) / count, weights=count).x
  return np.interp(asked, values, fitted)
