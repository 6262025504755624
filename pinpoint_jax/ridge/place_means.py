"""What is known of each place: shrunken means of pictures, coarse to fine.

  mean of a cell = Σ (z − means of the coarser cells) / (rows + prior_rows)

A cell with few pictures hardly moves from what the coarser ones say of it. The
result fills the table of `models.place_cells`; where two cells want one slot,
the one with more pictures has it.
"""

from collections.abc import Sequence
import dataclasses

import jax.numpy as jnp
from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax.models import place_cells
from scipy import sparse


@dataclasses.dataclass(frozen=True)
class Table:
  """Parameters of a PlaceCells, float32.

  Attributes:
    owner: tag of the cell that owns each slot, 0 where none does.
    mean: of that cell's pictures, beyond what the coarser ones say.
  """

  owner: Float[np.ndarray, 's']
  mean: Float[np.ndarray, 's d']


def fit(xyz: Float[np.ndarray, 'n 3'], z: Float[np.ndarray, 'n d'],
        cells_km: Sequence[float], num_slots: int,
        prior_rows: float = 4.0) -> Table:
  """The table for unit embeddings z of pictures at xyz."""
  if (np.diff(cells_km) >= 0).any():
    raise ValueError(f'cells_km={tuple(cells_km)}: each level must be finer '
                     f'than the one before')
  slots, tags = map(np.asarray, place_cells.addresses(
      jnp.asarray(xyz, jnp.float32), cells_km, num_slots))
  owner = _owners(slots, tags, num_slots)
  mean = np.zeros((num_slots, z.shape[1]))
  rest = np.asarray(z, np.float64).copy()
  for level in range(len(cells_km)):
    slot = slots[:, level]
    owned = owner[slot] == tags[:, level]
    # A slot has one owner, so no other level writes where this one does.
    of_level = _means(slot, owned, rest, num_slots, prior_rows)
    rest -= np.where(owned[:, None], of_level[slot], 0.)
    mean += of_level
  return Table(owner.astype(np.float32), mean.astype(np.float32))


def _owners(slots: Int[np.ndarray, 'n l'], tags: Float[np.ndarray, 'n l'],
            num_slots: int) -> Float[np.ndarray, 's']:
  """The tag with most rows of each slot; the smaller tag of a tie."""
  cells, counts = np.unique(np.stack([slots.ravel(), tags.ravel()]), axis=1,
                            return_counts=True)
  slot, tag = cells[0].astype(np.int64), cells[1]
  # The last to write a slot is the one with most rows.
  order = np.lexsort([-tag, counts])
  owner = np.zeros(num_slots)
  owner[slot[order]] = tag[order]
  return owner


def _means(slot: Int[np.ndarray, 'n'], owned: Bool[np.ndarray, 'n'],
           rest: Float[np.ndarray, 'n d'], num_slots: int,
           prior_rows: float) -> Float[np.ndarray, 's d']:
  rows = np.flatnonzero(owned)
  chosen = sparse.csr_array(
      (np.ones(len(rows)), (slot[rows], rows)), (num_slots, len(rest)))
  counts = np.bincount(slot[rows], minlength=num_slots)
  return chosen @ rest / np.maximum(counts + prior_rows, 1e-9)[:, None]
