"""Which gallery rows a query may be answered with, by the name of a filter.

  none     all rows but the query itself
  author   no row of the query's author or sequence either
"""

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.search import masks, row_sets

NAMES = ('none', 'author')


def mask(gallery: galleries.Gallery, queries: types.Photos, name: str,
         allowed: Int[np.ndarray, 'a'] | None = None,
         leave_one_out: bool = True) -> masks.Mask:
  """The mask of one filter; `allowed` are the rows of a region.

  leave_one_out: a query that is a gallery row never answers itself.
  """
  if name not in NAMES:
    raise ValueError(f'filter {name!r}: choices are {NAMES}')
  excluded = [row_sets.none(len(queries))]
  if leave_one_out:
    excluded.append(row_sets.own_rows(gallery.find(queries.ids)))
  if name == 'author':
    excluded.append(row_sets.same_code(gallery.clusters_of(queries),
                                       gallery.clusters))
  return masks.Mask(row_sets.union(*excluded), gallery.removed, allowed)
