"""Candidates from where the region prior says to look.

  a channel's list, DEEPER times as long as wanted
     ─▶ by similarity + weight · log P(cell | photo) ─▶ the first of it

The list's scores stay similarities: what changes is the order, and with it who
is cut. A mask was obeyed when the list was made.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist as shortlists
from pinpoint_jax.rerank import region_prior

_Name = TypeVar('_Name', bound=Hashable)
# How a list may be ordered before it is cut.
ORDERS = ('similarity', 'region')
# Of log P(cell) beside a cosine: .01 to .05 find about as much.
WEIGHT = .02
# A few rows too many are cheap; what lies deeper is seldom near the truth.
DEEPER = 8


def depths(sizes: shortlists.Sizes) -> dict[str, int]:
  """How long the lists must be from which a shortlist is taken."""
  return {name: DEEPER * size for name, size in sizes.by_channel().items()}


def preferred(prior: region_prior.RegionPrior, source: str,
              raw: Float[np.ndarray, 'b r'],
              lists: Mapping[_Name, types.Candidates],
              latlng_deg: Float[np.ndarray, 'g 2'],
              weight: float | int = WEIGHT) -> dict[_Name, types.Candidates]:
  """Each list in its new order, by channel or any name; latlng_deg of all
  gallery rows."""
  logs = region_prior.log_priors(prior, source, raw, [
      region_prior.cells(prior, latlng_deg[np.maximum(candidates.rows, 0)])
      for candidates in lists.values()])
  return {name: reordered(candidates, of_list, weight)
          for (name, candidates), of_list in zip(lists.items(), logs)}


def reordered(candidates: types.Candidates,
              log_prior: Float[np.ndarray, 'b k'],
              weight: float | int) -> types.Candidates:
  """The same rows by score + weight · log prior; equals keep their order."""
  if not 0 <= weight < np.inf:
    raise ValueError(f'weight={weight} of the region prior: at least 0, finite')
  worth = np.where(candidates.rows >= 0,
                   candidates.scores + weight * log_prior, -np.inf)
  order = np.argsort(-worth, axis=1, kind='stable')
  return types.Candidates(np.take_along_axis(candidates.rows, order, axis=1),
                          np.take_along_axis(candidates.scores, order, axis=1))
