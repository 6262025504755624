"""In which part of the world a photo was taken: what its raw feature says.

  gallery rows ─▶ cells of equal weight ─▶ in which is each row? ─▶ region head
  raw feature of the query ─▶ region head ─▶ log P(candidate's cell): COLUMNS

A similarity compares a query with one candidate; this has learned from all
rows at once. Peers have it, the paper does not. Always the same number of
queries at a time, the last ones filled up: what a query gets cannot depend on
which others came along.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int, Shaped
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.geo import cells as cells_lib
from pinpoint_jax.models import region_head
from pinpoint_jax.rerank import region_training

COLUMNS = ('region_log_prior',)
Settings = region_training.Settings
# Arrays by name, as they are saved with a reranker.
RegionPrior = Mapping[str, jax.Array | np.ndarray]
# Queries at a time.
_QUERIES = 64
_NO_SPREAD = 1e-6


def shapes(num_cells: int, hidden: int,
           dim: int) -> dict[str, tuple[int, ...]]:
  """Shape of every array, by name."""
  num = len(types.SOURCES)
  return {'axes': (num_cells - 1,), 'borders': (num_cells - 1,),
          'mean': (num, dim), 'spread': (num, dim),
          **region_head.shapes(dim, hidden, num_cells)}


def fit(raw: Mapping[str, Float[np.ndarray, '_ r']],
        latlng_deg: Mapping[str, Float[np.ndarray, '_ 2']],
        origins: Mapping[str, Shaped[np.ndarray, '_']],
        settings: Settings, seed: int = 0) -> RegionPrior:
  """The region prior of these rows, by source.

  An origin (an author, a drive) is either learned from or says when to stop.
  Photos of a source without rows are read as the other source's are.
  """
  sources = [name for name in types.SOURCES if len(raw.get(name, ()))]
  if not sources:
    raise ValueError('region prior: no rows to fit it on')
  # Each source has half of the weight, or street views would own all cells.
  weights = np.concatenate([np.full(len(raw[s]), 1 / len(raw[s]))
                            for s in sources])
  places = np.concatenate([latlng_deg[name] for name in sources])
  parted = cells_lib.split(places, weights, settings.cells)
  cell = cells_lib.find(parted, places)
  statistics = _statistics([raw[name] for name in sources])
  rows = region_training.Rows(
      np.concatenate([(raw[name] - mean) / spread for name, mean, spread in
                      zip(sources, *statistics)]).astype(np.float32),
      np.concatenate([np.full(len(raw[name]), types.SOURCES.index(name),
                              np.int32) for name in sources]), cell,
      np.concatenate([region_training.held_out(origins[name], seed)
                      for name in sources]))
  params = region_training.train(rows, region_training.targets(
      places, weights, cell, settings.cells, settings.smooth_km), settings,
      seed)
  at = [sources.index(name) if name in sources else 0
        for name in types.SOURCES]
  learned = [types.SOURCES.index(sources[i]) for i in at]
  return {'axes': parted.axes, 'borders': parted.borders,
          'mean': statistics[0][at], 'spread': statistics[1][at],
          **{name: array if name == 'outer' else array[learned]
             for name, array in params.items()}}


def cells(prior: RegionPrior,
          latlng_deg: types.LatLng) -> Int[np.ndarray, '...']:
  """The cell of each place, int32."""
  return cells_lib.find(cells_lib.Cells(np.asarray(prior['axes']),
                                        np.asarray(prior['borders'])),
                        latlng_deg)


def log_prior(prior: RegionPrior, source: str, raw: Float[np.ndarray, 'b r'],
              cells: Int[np.ndarray, 'b k']) -> Float[np.ndarray, 'b k']:
  """log P(cell of the candidate | photo), float32.

  Not less log P(cell): cells weigh the same, and it made no difference.
  """
  return log_priors(prior, source, raw, [cells])[0]


def log_priors(prior: RegionPrior, source: str, raw: Float[np.ndarray, 'b r'],
               tables: Sequence[Int[np.ndarray, 'b _']]) -> list[
                   Float[np.ndarray, 'b _']]:
  """As `log_prior` of several tables of cells; a photo is read once."""
  placed = jax.device_put(prior)
  index = np.int32(types.SOURCES.index(source))
  logs = [np.zeros(cells.shape, np.float32) for cells in tables]
  for part, (block,) in blocks.padded(_QUERIES, raw):
    by_cell = np.asarray(_log_chances(placed, index, block))
    for of_table, cells in zip(logs, tables):
      of_table[part] = np.take_along_axis(by_cell[:part.stop - part.start],
                                          cells[part], axis=1)
  return logs


def columns(prior: RegionPrior, source: str, raw: Float[np.ndarray, 'b r'],
            latlng_deg: Float[np.ndarray, 'b k 2']) -> Float[
                np.ndarray, 'b k 1']:
  """COLUMNS of each candidate."""
  return log_prior(prior, source, raw, cells(prior, latlng_deg))[..., None]


@jax.jit
def _log_chances(prior: RegionPrior, source: jax.Array | np.integer,
                 raw: Float[jax.Array | np.ndarray, 'b r']) -> Float[
                     jax.Array, 'b c']:
  rows = (raw - prior['mean'][source][None]) / prior['spread'][source][None]
  return jax.nn.log_softmax(region_head.logits(
      prior, rows, jnp.full(len(raw), source, jnp.int32)))


def _statistics(tables: Sequence[Float[np.ndarray, '_ r']]) -> tuple[
    Float[np.ndarray, 's r'], Float[np.ndarray, 's r']]:
  """Mean and deviation of the columns of each table, float32."""
  mean = np.stack([rows.mean(axis=0, dtype=np.float64) for rows in tables])
  spread = np.stack([rows.std(axis=0, dtype=np.float64) for rows in tables])
  spread = np.where(spread > _NO_SPREAD, spread, 1.)
  return mean.astype(np.float32), spread.astype(np.float32)
