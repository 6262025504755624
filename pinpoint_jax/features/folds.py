"""Folds in which no author and no sequence is on both sides.

  author  ─┐ links rows ─▶ connected rows are one origin ─▶ origin to a fold
  sequence ┘

A sequence links rows of its own source. An author's name links rows of all
sources: whether the photographer 'anna' and the street creator 'anna' are one
person is unknown, and for an honest test they must not be parted.
"""

from collections.abc import Sequence
import hashlib
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import distance
from scipy import sparse
from scipy.sparse import csgraph


def of_photos(tables: Sequence[types.Photos],
              count: int) -> list[Int[np.ndarray, '_']]:
  """Fold of each row of each table; connected rows share a fold."""
  return assign(origins(tables), count)


def origins(tables: Sequence[types.Photos]) -> list[types.Strings]:
  """A name per row of each table that all connected rows share."""
  clusters = np.concatenate([table.clusters for table in tables])
  names, codes = np.unique(clusters, return_inverse=True)
  rows, links, num_links = _links(tables)
  size = len(clusters) + num_links
  graph = sparse.coo_array(
      (np.ones(len(rows), bool), (rows, len(clusters) + links)), (size, size))
  num, component = csgraph.connected_components(graph, directed=False)
  component = component[:len(clusters)]
  first = np.full(num, len(names))
  np.minimum.at(first, component, codes)
  labels = names[first].astype(object)
  # One name for two origins: sequences of two sources that are called alike.
  alike = np.setdiff1d(np.arange(num), np.unique(first, return_index=True)[1])
  labels[alike] = [f'{labels[i]} {i}' for i in alike]
  return _split(labels[component].astype(np.str_), tables)


def assign(origins: Sequence[types.Strings],
           count: int) -> list[Int[np.ndarray, '_']]:
  """Fold of each row of each source; rows of one origin share a fold.

  The largest origins come first, each into the fold with the smallest share
  of its own sources' rows; ties by the md5 of the name. So each source is
  balanced, and its folds depend on another source through shared names alone.
  """
  if count < 2:
    raise ValueError(f'folds={count}: must be at least 2')
  names, codes = np.unique(np.concatenate(origins), return_inverse=True)
  parts = _split(codes, origins)
  sizes = np.stack([np.bincount(part, minlength=len(names)) for part in parts],
                   axis=1)
  totals = np.maximum(sizes.sum(axis=0), 1)
  shares = (sizes / totals).sum(axis=1).tolist()
  order = sorted(range(len(names)), key=lambda i: (-shares[i],
                                                   digest(names[i])))
  fold = _fill(sizes[order].tolist(), totals.tolist(), count)
  of_name = np.empty(len(names), np.int64)
  of_name[order] = fold
  return [of_name[part] for part in parts]


def too_near(tables: Sequence[types.Photos],
             held_out: Sequence[Bool[np.ndarray, '_']],
             block_km: float | int) -> list[Bool[np.ndarray, '_']]:
  """Rows that are not held out, in a block of the Earth where some row is.

  Blocks are `block_km` high and wide; 0 leaves all rows in. A few travellers
  meet in the same towns: folds of authors that part no block do not exist.
  """
  if not block_km:
    return [np.zeros(len(table), bool) for table in tables]
  codes = _split(_blocks(np.concatenate(
      [table.latlng_deg for table in tables]), block_km), tables)
  taken = np.concatenate([code[out] for code, out in zip(codes, held_out)])
  return [np.isin(code, taken) & ~out for code, out in zip(codes, held_out)]


def _blocks(latlng_deg: Float[np.ndarray, 'n 2'],
            block_km: float | int) -> Int[np.ndarray, 'n']:
  """A number for the block of each place."""
  step_deg = np.rad2deg(block_km / distance.EARTH_RADIUS_KM)
  band = np.floor((latlng_deg[:, 0] + 90) / step_deg).astype(np.int64)
  middle = np.clip((band + 0.5) * step_deg - 90, -90, 90)
  wide = step_deg / np.maximum(np.cos(np.deg2rad(middle)), 1e-6)
  column = np.floor((latlng_deg[:, 1] + 180) / wide).astype(np.int64)
  return (band << 32) + column


def digest(name: str) -> str:
  """Hexadecimal md5 of a name."""
  return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def _fill(sizes: list[list[int]], totals: list[int], count: int) -> list[int]:
  """Fold of each origin, from its rows in each source; plain ints are fast."""
  filled = [[0] * count for _ in totals]
  folds = []
  for own in sizes:
    sources = [source for source, size in enumerate(own) if size]
    load = filled[sources[0]] if len(sources) == 1 else [
        sum(filled[s][fold] / totals[s] for s in sources)
        for fold in range(count)]
    folds.append(load.index(min(load)))
    for source in sources:
      filled[source][folds[-1]] += own[source]
  return folds


def _links(tables: Sequence[types.Photos]) -> tuple[
    Int[np.ndarray, 'm'], Int[np.ndarray, 'm'], int]:
  """Rows with an author or a sequence, which one, and how many there are."""
  rows, links, num_links = [], [], 0
  for column in (
      np.concatenate([table.authors for table in tables]),
      np.concatenate([_sequences(table) for table in tables])):
    rows.append(np.flatnonzero(column != ''))
    names, codes = np.unique(column[rows[-1]], return_inverse=True)
    links.append(codes + num_links)
    num_links += len(names)
  return np.concatenate(rows), np.concatenate(links), num_links


def _sequences(table: types.Photos) -> types.Strings:
  """Names that differ between sources."""
  return np.asarray([f'{table.source}:{name}' if name else ''
                     for name in table.sequences], np.str_)


def _split(column: np.ndarray, parts: Sequence[Any]) -> list[np.ndarray]:
  """A column of all tables, cut where each table ends."""
  return np.split(column, np.cumsum([len(part) for part in parts])[:-1])
