"""Features as the kernel ridge sees them: comparable columns, then a kernel.

  feature ─▶ sign · |x|^power ─▶ every column mean 0, spread 1 ─▶ map
  map: linear   columns / √d
       rbf      k(x, centres) · k(centres, centres)^-1/2,
                k(a, b) = exp(−|a − b|² / 2d)
       − offset the mean mapped row, where rows are centred

The product of two mapped rows is the kernel, for rbf exactly so where every
row is a centre. Rows of either kernel have about unit length, so that one
penalty means the same for both, at every width.
"""

import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks

KERNELS = ('linear', 'rbf')
# Rows whose float64 copies are alive at a time.
BLOCK = 4096
# Directions with less than this share of the largest are rounding noise.
_VANISHING = 1e-12


@dataclasses.dataclass(frozen=True)
class Inputs:
  """How features are mapped.

  Attributes:
    power: exponent of a value's size; long tails are pulled in below 1.
    mean: of each column after that, float64 [d].
    spread: standard deviation, 1 where a column is constant, float64 [d].
    centres: standardised rows, [m, d]; none for the linear kernel.
    root: k(centres, centres)^-1/2, [m, r].
    offset: what is taken from every mapped row, [p]; 0 where it is a number.
  """

  power: float | int
  mean: Float[np.ndarray, 'd']
  spread: Float[np.ndarray, 'd']
  centres: Float[np.ndarray, 'm d']
  root: Float[np.ndarray, 'm r']
  offset: Float[np.ndarray, 'p'] | float = 0.

  @property
  def size(self) -> int:
    """Numbers in a mapped row."""
    return self.root.shape[1] or len(self.mean)

  def map(self, features: np.ndarray) -> Float[np.ndarray, 'b p']:
    """Mapped rows, float64."""
    if features.ndim != 2 or features.shape[1] != len(self.mean):
      raise ValueError(f'features {list(features.shape)}: this model was '
                       f'fitted on rows of {len(self.mean)} numbers')
    rows = self._standardised(features)
    if not len(self.centres):
      return rows / np.sqrt(len(self.mean))
    return kernel(rows, self.centres) @ self.root - self.offset

  def _standardised(self, features: np.ndarray) -> np.ndarray:
    return (powered(features, self.power) - self.mean) / self.spread


def centred(inputs: Inputs, features: np.ndarray) -> Inputs:
  """Inputs whose mapped rows have mean 0 over these features."""
  inputs, total = dataclasses.replace(inputs, offset=0.), 0.
  for block in blocks.slices(len(features), BLOCK):
    total = total + inputs.map(np.asarray(features[block])).sum(axis=0)
  return dataclasses.replace(inputs, offset=total / len(features))


def fit(features: np.ndarray, power: float | int, kernel_name: str,
        most_centres: int) -> Inputs:
  """Statistics of the columns, and centres evenly spread over the rows."""
  if kernel_name not in KERNELS:
    raise ValueError(f'kernel {kernel_name!r}: choices are {KERNELS}')
  if not 0 < power < np.inf:
    raise ValueError(f'power={power}: must be above 0; 1 leaves values alone')
  mean, spread = _statistics(features, power)
  none = np.zeros((0, len(mean))), np.zeros((0, 0))
  linear = Inputs(power, mean, spread, *none)
  if kernel_name == 'linear':
    return linear
  if most_centres < 1:
    raise ValueError(f'{most_centres} centres: at least 1 is needed')
  picked = blocks.evenly_spread(len(features), most_centres)
  centres = linear._standardised(np.asarray(features[picked]))
  return dataclasses.replace(linear, centres=centres,
                             root=_inverse_root(kernel(centres, centres)))


def kernel(a: Float[np.ndarray, 'b d'],
           b: Float[np.ndarray, 'm d']) -> Float[np.ndarray, 'b m']:
  """exp(−|a − b|² / 2d): 1 for a row itself, about 1/e for a stranger."""
  squares = ((a * a).sum(1)[:, None] + (b * b).sum(1)[None, :]
             - 2 * a @ b.T)
  return np.exp(-np.maximum(squares, 0.) / (2 * a.shape[1]))


def powered(features: np.ndarray, power: float | int) -> np.ndarray:
  """sign · |x|^power, float64; NaN and infinity are refused."""
  features = np.asarray(features, np.float64)
  bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
  if len(bad):
    raise ValueError(f'{len(bad)} of {len(features)} rows of features hold NaN '
                     f'or infinity, the first is row {bad[0]}: remove them')
  return np.sign(features) * np.abs(features)**power


def _statistics(features: np.ndarray,
                power: float | int) -> tuple[np.ndarray, np.ndarray]:
  mean = np.zeros(features.shape[1])
  for block in blocks.slices(len(features), BLOCK):
    mean += powered(features[block], power).sum(axis=0) / len(features)
  variance = np.zeros_like(mean)
  for block in blocks.slices(len(features), BLOCK):
    variance += ((powered(features[block], power) - mean)**2).sum(
        axis=0) / len(features)
  # Rounding in the mean of a constant column must not count as spread.
  constant = variance <= 1e-20 * (1 + mean**2)
  return mean, np.where(constant, 1., np.sqrt(variance))


def _inverse_root(gram: Float[np.ndarray, 'm m']) -> Float[
    np.ndarray, 'm r']:
  values, vectors = np.linalg.eigh(gram)
  kept = values > _VANISHING * values[-1]
  return vectors[:, kept] / np.sqrt(values[kept])
