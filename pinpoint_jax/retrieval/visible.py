"""How crowded it is around a candidate, for a query that may not see it all.

  counted for all once     rows within 1 and 25 km of every gallery row
  − what the mask hides    the query itself, its author, rows too near

Without the second line a photo that searches the gallery it stands in would
find its own place by the one row too many.
"""

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np
from pinpoint_jax.geo import distance
from pinpoint_jax.retrieval import density, masks

_CHORDS = tuple(2 * np.sin(km / distance.EARTH_RADIUS_KM / 2)
                for km in density.RADII_KM)


def counts(
    candidates: Int[np.ndarray, 'b k'], counted: Int[np.ndarray, 'g 2 2'],
    xyz: Float[np.ndarray, 'g 3'], sources: UInt8[np.ndarray, 'g'],
    mask: masks.Mask) -> Int[np.ndarray, 'b k 2 2']:
  """Rows within 1 and 25 km of each candidate, by source, less those that the
  mask excludes for the query; 0 in padded slots.

  Rows taken down count as long as they lie in the gallery's files.
  """
  real = candidates >= 0
  safe = np.maximum(candidates, 0)
  found = np.where(real[..., None, None], counted[safe], 0)
  for query in range(len(candidates)):
    hidden = mask.excluded.of(query)
    if len(hidden):
      found[query] -= real[query, :, None, None] * _near(
          xyz[safe[query]], xyz[hidden], sources[hidden] == 1)
  return np.maximum(found, 0).astype(np.int32)


def _near(at: Float[np.ndarray, 'k 3'], hidden: Float[np.ndarray, 'h 3'],
          street: Bool[np.ndarray, 'h']) -> Int[np.ndarray, 'k 2 2']:
  """How many of the hidden places are near each candidate, by source."""
  # By differences: products of unit vectors are blind below some metres.
  squares = sum((at[:, axis, None] - hidden[None, :, axis])**2
                for axis in range(3))
  near = [squares <= chord**2 for chord in _CHORDS]
  return np.stack([np.stack([np.count_nonzero(x & ~street[None], axis=1),
                             np.count_nonzero(x & street[None], axis=1)], -1)
                   for x in near], axis=1)
