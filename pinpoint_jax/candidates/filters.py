"""Which gallery rows a query may be answered with, by the name of a filter.

  none     all rows but the query itself
  author   no row of the query's source that shares its author or its sequence

An author's name means nothing in another source: photographer 1234 and street
view creator 1234 are two people.
"""

import dataclasses
from typing import Protocol, runtime_checkable

from jaxtyping import Int, UInt8
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.gallery import columns
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.search import masks, row_sets

NAMES = ('none', 'author')
SEARCH_SOURCES = ('both', 'same')


@runtime_checkable
class Rows(Protocol):
  """Rows by who took them: a gallery, or whatever else is told apart so."""

  source: UInt8[np.ndarray, 'g']
  authors: columns.Coded
  sequences: columns.Coded


def mask(gallery: galleries.Gallery, queries: types.Photos, name: str,
         allowed: Int[np.ndarray, 'a'] | None = None,
         leave_one_out: bool = True) -> masks.Mask:
  """The mask of one filter; `allowed` are the rows of a region.

  leave_one_out: a query that is a gallery row never answers itself; with the
  author filter it never does.
  """
  if name not in NAMES:
    raise ValueError(f'filter {name!r}: choices are {NAMES}')
  excluded = [row_sets.none(len(queries))]
  if leave_one_out or name == 'author':
    excluded.append(row_sets.own_rows(gallery.find(queries.ids)))
  if name == 'author':
    excluded.append(same_origin(gallery, queries))
  return masks.Mask(row_sets.union(*excluded), gallery.removed, allowed)


def same_origin(rows: Rows, queries: types.Photos) -> types.RowSets:
  """Rows of each query's source that share its author or its sequence.

  Queries of mixed source are taken to be of either.
  """
  return row_sets.union(*(sharing(rows, queries, name)
                          for name in ('authors', 'sequences')))


def sharing(rows: Rows, queries: types.Photos, name: str) -> types.RowSets:
  """Rows of each query's source that share what it has in column `name`."""
  column: columns.Coded = getattr(rows, name)
  codes = column.codes.astype(np.int64)
  query_codes = column.find(getattr(queries, name))
  sets = [row_sets.none(len(queries))]
  for i, source in enumerate(types.SOURCES):
    if queries.source in (source, 'mixed'):
      sets.append(row_sets.same_code(
          query_codes, np.where(rows.source == i, codes, -1)))
  return row_sets.union(*sets)


def within_source(gallery: galleries.Gallery, mask: masks.Mask,
                  source: types.Source) -> masks.Mask:
  """The same mask for a search among one source's rows alone.

  Support, density and priors go on reading both under the wider mask.
  """
  rows = np.flatnonzero(gallery.source == types.SOURCES.index(source))
  if mask.allowed is not None:
    rows = np.intersect1d(rows, mask.allowed)
  return dataclasses.replace(mask, allowed=rows)


def searched(gallery: galleries.Gallery, mask: masks.Mask,
             source: types.Source, search_source: str) -> masks.Mask:
  """What queries of a source search under a mask: both sources, or the same."""
  check_search_source(search_source)
  return mask if search_source == 'both' else within_source(
      gallery, mask, source)


def check_search_source(search_source: str) -> None:
  """Refuses what is none of SEARCH_SOURCES."""
  if search_source not in SEARCH_SOURCES:
    raise ValueError(f'search_source={search_source}: choices are '
                     f'{SEARCH_SOURCES}')
