"""How likely each place is by the kernel ridge: what no similarity says.

  raw feature of the query ─▶ kernel ridge over gallery rows ─▶ a weight for
  each anchor ─▶ Σ_j weight_j · exp(−d(candidate, anchor j) / scale): COLUMNS

A similarity compares a query with one candidate; this asks all rows at once.
It is ours, not the paper's, and a reranker can be trained without it. Always
the same number of queries at a time, the last ones filled up: columns cannot
depend on which others came along.
"""

from collections.abc import Mapping, Sequence
import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.geo import coords, distance

# Each is the one before times 4, so that one exponential serves all.
SCALES_KM = (25, 100, 400, 1600)
COLUMNS = tuple(f'prior_{km}km' for km in SCALES_KM)
# Queries whose weights are found together: reading the prior takes as long as
# computing with it.
_QUERIES = 8
# Arrays by name, as they are saved with a reranker.
GeoPrior = Mapping[str, jax.Array | np.ndarray]


def shapes(centres: int, anchors: int,
           dim: int) -> dict[str, tuple[int, ...]]:
  """Shape of every array, by name."""
  return {'mean': (dim,), 'spread': (dim,), 'centres': (centres, dim),
          'weights': (centres, anchors), 'shares': (anchors,),
          'anchors': (anchors, 3)}


def fit(raw: Float[np.ndarray, 'n r'], latlng_deg: Float[np.ndarray, 'n 2'],
        centres: int, anchors: int) -> GeoPrior:
  """The kernel ridge of these rows; where they are few, padded with zeros."""
  from pinpoint_jax.ridge import ridge as kernel_ridge  # Only a fit needs it.
  settings = kernel_ridge.Settings('rbf', most_centres=centres,
                                   most_anchors=anchors)
  model = kernel_ridge.fit(raw, latlng_deg, settings)
  inputs = model.inputs
  arrays = {'mean': inputs.mean, 'spread': inputs.spread,
            'centres': inputs.centres, 'weights': inputs.root @ model.weights,
            'shares': model.shares, 'anchors': coords.to_xyz(model.latlng_deg)}
  expected = shapes(centres, anchors, raw.shape[1])
  return {name: _padded(array, expected[name]).astype(np.float32)
          for name, array in arrays.items()}


def columns(prior: GeoPrior, raw: Float[np.ndarray, 'b r'],
            latlng_deg: Float[np.ndarray, 'b k 2']) -> Float[
                np.ndarray, 'b k 4']:
  """COLUMNS of each candidate."""
  xyz = coords.to_xyz(latlng_deg).astype(np.float32)
  placed = jax.device_put(prior)
  by_query = []
  for part, (block,) in blocks.padded(_QUERIES, raw):
    weights = _weights(placed, block)
    by_query += [_columns(placed, weights, i, one)
                 for i, one in enumerate(xyz[part])]
  if not by_query:
    return np.zeros((*xyz.shape[:2], len(COLUMNS)), np.float32)
  return np.stack(jax.device_get(by_query))


@jax.jit
def _columns(prior: GeoPrior, weights: Float[jax.Array, 'b a'],
             query: jax.Array | int, xyz: Float[jax.Array, 'k 3'],
             ) -> Float[jax.Array, 'k 4']:
  # By differences: a float32 dot product is blind below 2 km.
  squares = sum((xyz[:, None, i] - prior['anchors'][None, :, i])**2
                for i in range(3))
  km = distance.chord_to_km(jnp.sqrt(squares))
  far = jnp.exp(-km / SCALES_KM[-1])
  worths = (far**64, far**16, far**4, far)
  # Not a matrix product: worths then need not be written down.
  return jnp.stack([jnp.sum(worth * weights[query][None], axis=-1)
                    for worth in worths], axis=-1)


@jax.jit
def _weights(prior: GeoPrior, raw: Float[jax.Array, 'b r']) -> Float[
    jax.Array, 'b a']:
  """Of each anchor, as kernel_ridge.chances."""
  raw = jnp.sign(raw) * jnp.sqrt(jnp.abs(raw))
  rows = (raw - prior['mean'][None]) / prior['spread'][None]
  squares = jnp.sum((rows[:, None] - prior['centres'][None])**2, axis=-1)
  kernel = jnp.exp(-squares / (2 * raw.shape[-1]))
  chances = jnp.matmul(kernel, prior['weights'],
                       precision=jax.lax.Precision.HIGHEST)
  return chances + prior['shares'][None]


def _padded(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
  short = [(0, wanted - has) for wanted, has in zip(shape, array.shape)]
  return np.pad(array, short)


@dataclasses.dataclass(frozen=True)
class Settings:
  """Size of a prior.

  Attributes:
    centres: rows that a query is compared with; 0: there is no prior.
    anchors: places that get a chance.
  """

  centres: int = 0
  anchors: int = 2048

  def __post_init__(self):
    if self.centres < 0 or self.anchors < 1:
      raise ValueError(f'--config.ridge: {self}: centres is at least 0, '
                       f'anchors at least 1')
