"""Logistic regression on one half of some photos; the other half judges it."""

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
import scipy

# Photos that a half needs: with fewer, nothing of 95 % can be promised.
MIN_PHOTOS = 19


def halves(clusters: types.Strings) -> Bool[np.ndarray, 'b']:
  """True for some origins: the large ones first, each to the smaller half."""
  _, number, counts = np.unique(clusters, return_inverse=True,
                                return_counts=True)
  is_first, sizes = np.zeros(len(counts), bool), [0, 0]
  for origin in np.argsort(-counts, kind='stable').tolist():
    half = int(sizes[1] < sizes[0])
    is_first[origin] = half == 0
    sizes[half] += counts[origin]
  return is_first[number]


def logistic(columns: Float[np.ndarray, 'n c'], right: Bool[np.ndarray, 'n'],
             l2: float, prior: Float[np.ndarray, 'c'] | None = None,
             ) -> Float[np.ndarray, 'c']:
  """Weights of the columns, drawn to `prior` or else to 0.

  The last column is constant, and its weight is drawn nowhere.
  """
  sign = np.where(right, 1., -1.)
  if prior is None:
    prior = np.zeros(columns.shape[1])
  shrunk = np.ones(columns.shape[1])
  shrunk[-1] = 0.
  def cost(beta: np.ndarray) -> tuple[float, np.ndarray]:
    margin = sign * (columns @ beta)
    slope = -sign * sigmoid(-margin) / len(sign)
    away = (beta - prior) * shrunk
    penalty = l2 / len(sign) * away
    return (np.logaddexp(0, -margin).mean() + penalty @ away / 2,
            columns.T @ slope + penalty)
  return scipy.optimize.minimize(cost, prior, jac=True, method='L-BFGS-B').x


def sigmoid(logits: Float[np.ndarray, '*b']) -> Float[np.ndarray, '*b']:
  """1 / (1 + exp(-logits)), without overflow."""
  return np.exp(-np.logaddexp(0., -logits))
