"""Numbers that a reranker knows of each candidate besides the similarities.

  density   log(1 + rows within 1 and 25 km), by source
  own       how alike the rows of the query's source near it are, nearby.OWN
  other     how alike those of the other source are, nearby.OTHER
  hubness   how alike it is to anything, csls.py
  region    log prior of the region that it lies in, region_prior.py
  ridge     the kernel ridge's chances near it, geo_prior.py

A group of them is used whole or not at all. Each column has a weight in the
linear part of the score, and is an input of the network.
"""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import density
from pinpoint_jax.rerank import csls, geo_prior, nearby, region_prior

GROUPS: Mapping[str, tuple[str, ...]] = {
    'density': tuple(f'log_{source}_{km:g}km' for km in density.RADII_KM
                     for source in types.SOURCES),
    'own': nearby.OWN,
    'other': nearby.OTHER,
    'hubness': csls.COLUMNS,
    'region': region_prior.COLUMNS,
    'ridge': geo_prior.COLUMNS,
}
# Groups that are read from what lies near a candidate.
NEARBY = ('own', 'other')
# Groups that a model fitted on gallery rows gives.
PRIORS = ('region', 'ridge')


def check(groups: Sequence[str]) -> None:
  """Refuses what is no group, and a group named twice."""
  unknown = sorted(set(groups) - set(GROUPS))
  if unknown or len(set(groups)) != len(groups):
    raise ValueError(f'--config.columns={tuple(groups)}: choices are '
                     f'{tuple(GROUPS)}, each at most once')


def names(groups: Sequence[str]) -> tuple[str, ...]:
  """Names of the columns of some groups."""
  return tuple(name for group in groups for name in GROUPS[group])


def meta_names(groups: Sequence[str]) -> tuple[str, ...]:
  """Names of those that are not among rerank_inputs.META already."""
  return names([group for group in groups if group != 'density'])


def joined(by_group: Mapping[str, Float[np.ndarray, 'b k _']],
           groups: Sequence[str], shape: tuple[int, int],
           ) -> Float[np.ndarray, 'b k c']:
  """The columns of those groups side by side."""
  return np.concatenate([np.zeros((*shape, 0), np.float32),
                         *(by_group[group] for group in groups)], axis=-1)
