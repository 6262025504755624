"""Ridge regression from features onto places: no training, one solution.

  feature ─▶ inputs ─▶ ridge onto "which anchor" ─▶ weights a, Σ a = 1
  score of a place = Σ_j a_j · exp(−d(place, anchor j) / scale)

The weights estimate probabilities; being linear they can be negative, and
the largest means little (a softmax of them even less). Read out with the
scale of the GeoScore, the score is that of a ridge onto exp(−d/1492.7) for
each anchor: the expected score itself, with nothing left to decode but its
argmax. A shorter scale favours the likeliest place, as argmax decoding does.
"""

from collections.abc import Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.geo import coords, distance, geoscore
from pinpoint_jax.ridge import inputs as ridge_inputs
from scipy import linalg, sparse

# As the GeoScore falls with distance, and what counts as near otherwise.
SCALES_KM = {'argmax': 300., 'expected_score': geoscore.SCALE_KM}
# Edges of cells, in Earth radii: from 12 m on, each half as large again.
_FINEST, _GROWTH = 2e-6, 1.5


@dataclasses.dataclass(frozen=True)
class Settings:
  """What is fitted; `model_selection` picks among several.

  Attributes:
    kernel: 'linear' or 'rbf'.
    power: exponent of a feature's size before columns are standardised.
    penalty: of the weights, where mapped rows have about unit length.
    most_anchors: distinct places beyond these share grid cells.
    most_centres: of the rbf kernel, evenly spread over the rows.
    centred: mapped rows of the rbf kernel get mean 0, as those of the linear
      one have: what all rows have in common then says nothing.
  """

  kernel: str = 'linear'
  power: float | int = 0.5
  penalty: float | int = 2.0
  most_anchors: int = 4096
  most_centres: int = 4096
  centred: bool = False


@dataclasses.dataclass(frozen=True)
class Model:
  """A fitted kernel ridge.

  Attributes:
    inputs: how features are mapped, to p numbers.
    weights: from mapped rows to anchors, float64 [p, k].
    shares: of each anchor among the rows, the answer to a mean row, [k].
    latlng_deg: the anchors, float64 [k, 2].
  """

  inputs: ridge_inputs.Inputs
  weights: Float[np.ndarray, 'p k']
  shares: Float[np.ndarray, 'k']
  latlng_deg: Float[np.ndarray, 'k 2']


@dataclasses.dataclass(frozen=True)
class Anchors:
  """Places and who belongs to them.

  Attributes:
    latlng_deg: the anchors, float64 [k, 2].
    of_row: anchor of each row, [n].
  """

  latlng_deg: Float[np.ndarray, 'k 2']
  of_row: Int[np.ndarray, 'n']

  def __len__(self) -> int:
    return len(self.latlng_deg)


def anchors(latlng_deg: Float[np.ndarray, 'n 2'], most: int) -> Anchors:
  """Every distinct place; where these are over `most`, means of grid cells.

  The order of rows does not matter; the finest grid that fits is taken.
  """
  if most < 1:
    raise ValueError(f'{most} anchors: at least 1 is needed')
  distinct, of_row = np.unique(latlng_deg, axis=0, return_inverse=True)
  if len(distinct) <= most:
    return Anchors(distinct, of_row)
  xyz, edge = coords.to_xyz(distinct), _FINEST
  cell = _cells(xyz, edge)
  while cell.max() >= most:
    edge *= _GROWTH
    cell = _cells(xyz, edge)
  sums = np.stack([np.bincount(cell, axis) for axis in xyz.T], axis=1)
  return Anchors(coords.to_latlng_deg(sums), cell[of_row])


def fit(features: np.ndarray, latlng_deg: Float[np.ndarray, 'n 2'],
        settings: Settings) -> Model:
  """The ridge's only solution; float64, read from `features` in blocks."""
  return fit_each(features, latlng_deg, settings, [settings.penalty])[0]


def fit_each(features: np.ndarray, latlng_deg: Float[np.ndarray, 'n 2'],
             settings: Settings,
             penalties: Sequence[float | int]) -> list[Model]:
  """`fit` for each penalty; what they share is done once."""
  _check(features, latlng_deg, penalties)
  inputs = ridge_inputs.fit(features, settings.power, settings.kernel,
                            settings.most_centres)
  if settings.centred and settings.kernel == 'rbf':
    inputs = ridge_inputs.centred(inputs, features)
  places = anchors(latlng_deg, settings.most_anchors)
  shares = np.bincount(places.of_row) / len(features)
  solve = _dual if len(features) <= inputs.size else _primal
  return [Model(inputs, weights, shares, places.latlng_deg) for weights in
          solve(inputs, features, places, shares, penalties)]


def chances(model: Model, features: np.ndarray) -> Float[np.ndarray, 'b k']:
  """Weight of each anchor; they sum to 1, and some are negative."""
  return model.inputs.map(features) @ model.weights + model.shares


def scores(model: Model, features: np.ndarray,
           latlng_deg: Float[np.ndarray, 'c 2'],
           scale_km: float | int) -> Float[np.ndarray, 'b c']:
  """What each candidate place is worth in expectation, at that scale."""
  return chances(model, features) @ worths(
      model.latlng_deg, latlng_deg, scale_km)


def worths(a: Float[np.ndarray, 'k 2'], b: Float[np.ndarray, 'c 2'],
           scale_km: float | int) -> Float[np.ndarray, 'k c']:
  """exp(−d/scale) between all places of both tables."""
  return np.exp(-distance.haversine_km(a[:, None], b[None, :]) / scale_km)


def _check(features: np.ndarray, latlng_deg: np.ndarray,
           penalties: Sequence[float | int]) -> None:
  if len(features) != len(latlng_deg) or not len(features):
    raise ValueError(f'{len(features)} rows of features, {len(latlng_deg)} '
                     f'places: both must have the same rows, at least one')
  for penalty in penalties:
    if not 0 < penalty < np.inf:
      raise ValueError(f'penalty={penalty}: must be above 0, else repeated '
                       f'rows have no solution')
  coords.check_latlng_deg(latlng_deg, 'kernel ridge', allow_null_island=True)


def _dual(inputs: ridge_inputs.Inputs, features: np.ndarray,
          places: Anchors, shares: np.ndarray,
          penalties: Sequence[float | int]) -> list[np.ndarray]:
  """zᵀ (z zᵀ + penalty)⁻¹ (y − shares): few rows."""
  z = inputs.map(features)
  targets = np.zeros((len(z), len(places)))
  targets[np.arange(len(z)), places.of_row] = 1.
  gram = z @ z.T
  return [z.T @ _solve(gram, targets - shares, p) for p in penalties]


def _primal(inputs: ridge_inputs.Inputs, features: np.ndarray,
            places: Anchors, shares: np.ndarray,
            penalties: Sequence[float | int]) -> list[np.ndarray]:
  """(zᵀ z + penalty)⁻¹ zᵀ (y − shares): few columns, rows in blocks."""
  gram = np.zeros((inputs.size, inputs.size))
  sums = np.zeros((len(places), inputs.size))
  for block in blocks.slices(len(features), ridge_inputs.BLOCK):
    z = inputs.map(features[block])
    gram += z.T @ z
    member = sparse.csr_array(
        (np.ones(len(z)), (places.of_row[block], np.arange(len(z)))),
        shape=(len(places), len(z)))
    sums += member @ z
  crossed = sums.T - sums.sum(axis=0)[:, None] * shares
  return [_solve(gram, crossed, p) for p in penalties]


def _solve(gram: np.ndarray, right: np.ndarray,
           penalty: float | int) -> np.ndarray:
  return linalg.solve(gram + penalty * np.eye(len(gram)), right,
                      assume_a='pos')


def _cells(xyz: Float[np.ndarray, 'n 3'],
           edge: float) -> Int[np.ndarray, 'n']:
  """Cell of each row in a grid of cubes, numbered without gaps."""
  steps = np.floor((xyz + 1) / edge).astype(np.int64)
  # 2e-6 makes a million steps an axis: three of them fit into 63 bits.
  code = (steps[:, 0] << 42) | (steps[:, 1] << 21) | steps[:, 2]
  return np.unique(code, return_inverse=True)[1]
