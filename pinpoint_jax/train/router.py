"""Fits the router: logistic regression by Newton steps, no randomness.

  mean loss of photos / 2 + mean loss of street views / 2 + l2/2 · |weights|²

Both sources count the same however many rows they have; swapping them turns
every sign and nothing else.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from jaxtyping import Float, Num
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.models import router as routers
from scipy import optimize

# A column that varies less is taken for constant; it is only centred.
_CONSTANT = 1e-6
_MAX_STEPS = 200
_CONVERGED = 1e-9
_BLOCK = 8192


@dataclasses.dataclass(frozen=True)
class Figures:
  """How well a router tells the sources apart, both counting the same.

  Attributes:
    accuracy: mean of the two sources' shares that are sent right.
    by_source: those two shares.
    loss: balanced log loss; log 2 = 0.693 knows nothing.
    calibration_error: mean |P(street) − share of street| over ten equal bins
      of P, weighted by their rows; 0 is calibrated.
  """

  accuracy: float
  by_source: Mapping[str, float]
  loss: float
  calibration_error: float


@dataclasses.dataclass(frozen=True)
class _Rows:
  """Standardised rows with a column of ones, labels ±1, balanced weights."""

  x: np.ndarray
  label: np.ndarray
  weight: np.ndarray


def fit(photo: Num[np.ndarray, 'p d'], street: Num[np.ndarray, 's d'],
        inputs: Mapping[str, Any], l2: float | int) -> routers.Router:
  """The router of the smallest cost, to rounding."""
  if not len(photo) or not len(street):
    raise ValueError(f'{len(photo)} photos and {len(street)} street views: a '
                     f'router needs both')
  if not 0 < l2 < np.inf:
    raise ValueError(f'l2={l2}: must be above 0, or sources that a plane parts '
                     f'have no finite answer')
  mean, std = _statistics(photo, street)
  rows = _rows(photo, street, mean, std)
  # Newton steps by conjugate gradients, in a region where they can be trusted.
  minimum = optimize.minimize(
      _cost, np.zeros(len(mean) + 1), (rows, l2), 'trust-ncg', _gradient,
      _hessian, options={'gtol': _CONVERGED, 'maxiter': _MAX_STEPS})
  slope = np.abs(minimum.jac).max()
  # Where rounding hides the last step, the cost is flat all the same.
  if not minimum.success and slope > 10 * _CONVERGED:
    raise ValueError(f'the router did not converge in {_MAX_STEPS} steps '
                     f'(gradient {slope:.3g}): raise l2={l2}')
  return routers.Router(mean, std, minimum.x[:-1], float(minimum.x[-1]),
                        dict(inputs))


def judge(router: routers.Router, photo: Num[np.ndarray, 'p d'],
          street: Num[np.ndarray, 's d']) -> Figures:
  """Figures on rows that it was not fitted on."""
  if not len(photo) or not len(street):
    raise ValueError(f'{len(photo)} photos and {len(street)} street views: '
                     f'figures need both')
  logits = np.concatenate([router.logits(photo), router.logits(street)])
  label = _labels(photo, street)
  weight = _weights(photo, street)
  right = np.where(label > 0, logits > 0, logits <= 0)
  shares = {'photo': float(right[label < 0].mean()),
            'street': float(right[label > 0].mean())}
  return Figures(sum(shares.values()) / 2, shares,
                 float(weight @ np.logaddexp(0., -label * logits)),
                 _calibration_error(routers.probabilities(logits), label,
                                    weight))


def _statistics(photo: np.ndarray,
                street: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Balanced mean and deviation of each column."""
  parts = [np.asarray(part, np.float64) for part in (photo, street)]
  for name, part in zip(('photo', 'street'), parts):
    bad = np.flatnonzero(~np.isfinite(part).all(axis=1))
    if len(bad):
      raise ValueError(f'{len(bad)} of {len(part)} {name} features hold NaN or '
                       f'infinity, first in row {bad[0]}')
  mean = (parts[0].mean(axis=0) + parts[1].mean(axis=0)) / 2
  squares = [((part - mean)**2).mean(axis=0) for part in parts]
  std = np.sqrt((squares[0] + squares[1]) / 2)
  return mean, np.where(std > _CONSTANT, std, 1.)


def _rows(photo: np.ndarray, street: np.ndarray, mean: np.ndarray,
          std: np.ndarray) -> _Rows:
  x = (np.concatenate([photo, street]).astype(np.float64) - mean) / std
  return _Rows(np.column_stack([x, np.ones(len(x))]), _labels(photo, street),
               _weights(photo, street))


def _labels(photo: np.ndarray, street: np.ndarray) -> np.ndarray:
  return np.concatenate([-np.ones(len(photo)), np.ones(len(street))])


def _weights(photo: np.ndarray, street: np.ndarray) -> np.ndarray:
  return np.concatenate([np.full(len(part), .5 / len(part))
                         for part in (photo, street)])


def _penalty(beta: Float[np.ndarray, 'd_plus_1'], l2: float | int) -> Float[
    np.ndarray, 'd_plus_1']:
  """l2 for each weight, nothing for the bias."""
  penalty = np.full(len(beta), float(l2))
  penalty[-1] = 0.
  return penalty


def _cost(beta: np.ndarray, rows: _Rows, l2: float | int) -> float:
  loss = rows.weight @ np.logaddexp(0., -rows.label * (rows.x @ beta))
  return float(loss + (_penalty(beta, l2) * beta**2).sum() / 2)


def _gradient(beta: np.ndarray, rows: _Rows, l2: float | int) -> np.ndarray:
  wrong = routers.probabilities(-rows.label * (rows.x @ beta))
  return (_penalty(beta, l2) * beta
          - (rows.weight * rows.label * wrong) @ rows.x)


def _hessian(beta: np.ndarray, rows: _Rows, l2: float | int) -> np.ndarray:
  chance = routers.probabilities(rows.x @ beta)
  curve = rows.weight * chance * (1 - chance)
  total = np.diag(_penalty(beta, l2) + np.finfo(np.float64).tiny)
  for part in blocks.slices(len(curve), _BLOCK):
    total += rows.x[part].T @ (curve[part, None] * rows.x[part])
  return total


def _calibration_error(chance: np.ndarray, label: np.ndarray,
                       weight: np.ndarray) -> float:
  bins = np.minimum((chance * 10).astype(int), 9)
  gap = np.bincount(bins, weight * (chance - (label > 0)), minlength=10)
  return float(np.abs(gap).sum())
