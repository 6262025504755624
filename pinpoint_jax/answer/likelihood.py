"""How likely every place on Earth is: a mixture of kernels, fitted once.

  candidates, by their share ─▶ kernels of WIDTHS_KM around each ─┐
  region prior: cells ─▶ a kernel for each, as wide as its rows ──┼─▶ density
  everywhere alike ───────────────────────────────────────────────┘
  Signals ─▶ how much of the probability each kind of kernel has

Many widths at one place have the heavy tails that errors have. The shares are
a softmax of the signals, fitted on photos of known place by the likelihood of
their true places.
"""

import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.answer import decoding
from pinpoint_jax.answer import density as densities
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.geo import coords, distance, kernels
from pinpoint_jax.rerank import ranker as reranking
import scipy

WIDTHS_KM = (.3, 3., 25., 150., 700.)
# Kinds of kernels: candidates by width, cells of the region prior, everywhere.
NUM_KINDS = len(WIDTHS_KM) + 2
REGION, EVERYWHERE = NUM_KINDS - 2, NUM_KINDS - 1
# A cell whose rows lie at one place is a place and its neighbourhood.
_LEAST_WIDTH_KM = 1.
# Keeps shares of few photos near those of all.
_L2 = 1.
# Every place has at least so much of the share of everywhere.
_FLOOR = 1e-4


@dataclasses.dataclass(frozen=True)
class Regions:
  """The region prior's cells as kernels.

  Attributes:
    latlng_deg: the middle of the gallery rows of each cell.
    width_km: how far these lie from there, as a standard deviation.
  """

  latlng_deg: Float[np.ndarray, 'c 2']
  width_km: Float[np.ndarray, 'c']

  def log_per_km2(self, logs: Float[np.ndarray, 'b c'],
                  latlng_deg: Float[np.ndarray, 'b 2']) -> Float[
                      np.ndarray, 'b']:
    """log density at one place of each photo; logs: log P(cell)."""
    dist_km = distance.haversine_km(latlng_deg[:, None], self.latlng_deg[None])
    return scipy.special.logsumexp(
        logs.astype(np.float64) + kernels.log_per_km2(
            dist_km, self.width_km[None]), axis=1)


@dataclasses.dataclass(frozen=True)
class Likelihood:
  """What calibration photos say about the shares of the kinds of kernels.

  Attributes:
    weights: of the columns of Signals, by kind, float32.
    has_region: 1 if a region prior was there, else 0, float32 [].
  """

  weights: Float[np.ndarray, 'w kinds']
  has_region: Float[np.ndarray, '']

  def is_sound(self) -> bool:
    """Whether the weights are those of the columns and kinds of today."""
    shape = len(signals_lib.THRESHOLDS_KM) + 2, NUM_KINDS
    return self.weights.shape == shape and bool(
        np.isfinite(self.weights).all()) and self.has_region.shape == ()

  def log_shares(self, signals: signals_lib.Signals) -> Float[
      np.ndarray, 'b kinds']:
    """log of the share of each kind for each photo."""
    return _log_shares(signals.all_columns(), self.weights.astype(np.float64),
                       bool(self.has_region))

  def density(self, log_shares: Float[np.ndarray, 'kinds'],
              scores: Float[np.ndarray, 'k'],
              latlng_deg: Float[np.ndarray, 'k 2'], regions: Regions | None,
              region_logs: Float[np.ndarray, 'c'] | None) -> densities.Density:
    """The density of one photo; scores: -inf in padded slots."""
    shares = np.exp(log_shares)
    real = np.isfinite(scores)
    near = decoding.softmax(scores[None, real])[0]
    places, widths, masses = [], [], []
    for width, share in zip(WIDTHS_KM, shares):
      places.append(latlng_deg[real])
      widths.append(np.full(len(near), width))
      masses.append(share * near)
    if regions is not None and self.has_region:
      places.append(regions.latlng_deg)
      widths.append(regions.width_km)
      masses.append(shares[REGION] * np.exp(region_logs.astype(np.float64)))
    return densities.Density(np.concatenate(places), np.concatenate(widths),
                           np.concatenate(masses), float(shares[EVERYWHERE]))


def regions_of(ranker: reranking.Ranker,
               latlng_deg: Float[np.ndarray, 'g 2']) -> Regions:
  """The cells of a reranker's region prior, of gallery rows at these places."""
  cell = ranker.region_cells(latlng_deg)
  return cell_kernels(latlng_deg, cell, ranker.num_region_cells)


def cell_kernels(latlng_deg: Float[np.ndarray, 'g 2'],
                 cell: Int[np.ndarray, 'g'], num: int) -> Regions:
  """The middle and the width of each of `num` cells, of the rows in it."""
  xyz = coords.to_xyz(latlng_deg)
  counts = np.bincount(cell, minlength=num)
  sums = np.stack([np.bincount(cell, column, num) for column in xyz.T], axis=1)
  length = np.linalg.norm(sums, axis=1)
  some = length > 0
  # A cell without rows is anywhere.
  middle = np.where(some[:, None], sums / np.where(some, length, 1.)[:, None],
                    np.asarray([[1., 0., 0.]]))
  # Mean square chord of two directions.
  square = np.clip(2 * (1 - length / np.maximum(counts, 1)), 0., None) / 2
  width = np.where(some, distance.EARTH_RADIUS_KM * np.sqrt(square),
                   1e3 * distance.EARTH_RADIUS_KM)
  return Regions(coords.to_latlng_deg(middle),
                 np.maximum(width, _LEAST_WIDTH_KM))


def log_kinds(scores: Float[np.ndarray, 'b k'],
              latlng_deg: Float[np.ndarray, 'b k 2'],
              truth_deg: Float[np.ndarray, 'b 2'],
              region: Float[np.ndarray, 'b'] | None) -> Float[
                  np.ndarray, 'b kinds']:
  """log density of each kind of kernel at the truth, per km².

  region: log density of the region prior there; None without one.
  """
  with np.errstate(divide='ignore'):
    logs = np.log(decoding.softmax(scores))
  dist_km = distance.haversine_km(latlng_deg, truth_deg[:, None])
  kinds = [scipy.special.logsumexp(logs + kernels.log_per_km2(
      dist_km, np.asarray([width])), axis=1) for width in WIDTHS_KM]
  alike = np.full(len(scores), -np.log(kernels.EARTH_KM2))
  return np.stack([*kinds, alike if region is None else region, alike], axis=1)


def fit(signals: signals_lib.Signals, logs: Float[np.ndarray, 'b kinds'],
        has_region: bool) -> Likelihood:
  """Shares that make the true places of these photos likeliest.

  logs: as `log_kinds` gives them.
  """
  columns = signals.all_columns()
  shape = columns.shape[1], NUM_KINDS
  def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
    weights = flat.reshape(shape)
    log_shares = _log_shares(columns, weights, has_region)
    total = scipy.special.logsumexp(log_shares + logs, axis=1)
    # How much of its true place each kind explains, less its share.
    gap = np.exp(log_shares + logs - total[:, None]) - np.exp(log_shares)
    shrunk = weights * _shrunk(shape)
    return (-total.mean() + _L2 * (shrunk * weights).sum() / len(logs) / 2,
            (-columns.T @ gap / len(logs) + _L2 * shrunk / len(logs)).ravel())
  weights = scipy.optimize.minimize(
      cost, np.zeros(shape[0] * shape[1]), jac=True,
      method='L-BFGS-B').x.reshape(shape)
  return Likelihood(weights.astype(np.float32),
                    np.asarray(float(has_region), np.float32))


def _shrunk(shape: tuple[int, int]) -> Float[np.ndarray, 'w kinds']:
  """1 for weights that are drawn to 0: all but the constants."""
  shrunk = np.ones(shape)
  shrunk[-1] = 0.
  return shrunk


def _log_shares(columns: Float[np.ndarray, 'b w'],
                weights: Float[np.ndarray, 'w kinds'],
                has_region: bool) -> Float[np.ndarray, 'b kinds']:
  # Column by column, unlike a matrix product: no photo depends on its batch.
  logits = np.zeros((len(columns), NUM_KINDS))
  for column, row in zip(columns.T, weights):
    logits = logits + column[:, None] * row[None]
  if not has_region:
    logits[:, REGION] = -np.inf
  logs = scipy.special.log_softmax(logits, axis=1)
  floor = np.full(NUM_KINDS, -np.inf)
  floor[EVERYWHERE] = np.log(_FLOOR)
  return np.logaddexp(logs + np.log1p(-_FLOOR), floor[None])
