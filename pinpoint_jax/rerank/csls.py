"""How easily a candidate is similar to anything: what CSLS takes off.

  candidate ─▶ its 10 most similar rows of about 1,000 of the query's source
            ─▶ their mean similarity, by channel: COLUMNS

Some rows are near every query (hubs). CSLS (Conneau et al., 2018, section 2.4)
subtracts this mean; here its weight is fitted as that of any column.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.search import masks, vectors

# The location channel's made no difference.
CHANNELS = ('image', 'raw')
COLUMNS = tuple(f'hubness_{channel}' for channel in CHANNELS)
# Of 4,096 rows it is worth the same.
_NUM_REFERENCE, _NUM_NEAREST = 1024, 10
# Rows at a time, the last ones filled up: what a row gets does not depend on
# which others are asked about.
_BLOCK = 256


class Hubs:
  """Hubness of a gallery's rows, for queries of one source."""

  def __init__(self, gallery: galleries.Gallery, source: str):
    """Without rows of that source, all rows are what is compared with."""
    rows = np.setdiff1d(np.arange(len(gallery)), gallery.removed)
    own = rows[gallery.source[rows] == types.SOURCES.index(source)]
    rows = own if len(own) else rows
    self._reference = rows[blocks.evenly_spread(len(rows), _NUM_REFERENCE)]
    self._vectors = {
        name: vectors.Joined(parts) for name in CHANNELS
        if None not in (parts := gallery.channel(name)) and len(rows)}
    self._seen = {name: jnp.asarray(some.take(self._reference))
                  for name, some in self._vectors.items()}
    self._known = np.full((len(gallery), len(COLUMNS)), np.nan, np.float32)

  def columns(self, rows: Int[np.ndarray, 'b k'],
              mask: masks.Mask) -> Float[np.ndarray, 'b k 2']:
    """COLUMNS of each candidate, 0 where it is -1 or the gallery lacks one.

    What the mask hides from a query is not compared with for it.
    """
    real = rows >= 0
    self._learn(np.unique(rows[real]))
    columns = np.where(real[..., None], self._known[rows * real], np.float32(0))
    # A region is where an answer may lie, nothing that a query may not know.
    hidden = dataclasses.replace(mask, allowed=None).hides(
        np.broadcast_to(self._reference, (len(rows), len(self._reference))))
    for query in np.flatnonzero(hidden.any(axis=1)):
      columns[query, real[query]] = self._hubness(
          rows[query, real[query]], ~hidden[query])
    return columns

  def _learn(self, rows: Int[np.ndarray, 'n']) -> None:
    new = rows[np.isnan(self._known[rows]).any(axis=1)]
    self._known[new] = self._hubness(new, np.ones(len(self._reference), bool))

  def _hubness(self, rows: Int[np.ndarray, 'n'],
               visible: Bool[np.ndarray, 'm']) -> Float[np.ndarray, 'n 2']:
    hubness = np.zeros((len(rows), len(COLUMNS)), np.float32)
    for name, some in self._vectors.items():
      for at in blocks.slices(len(rows), _BLOCK):
        block = blocks.pad_rows(some.take(rows[at]), _BLOCK)
        sims = np.array(_similarities(block, self._seen[name]))
        # A row is not its own neighbour.
        kept = visible[None] & (self._reference[None] != rows[at][:, None])
        hubness[at, CHANNELS.index(name)] = mean_of_best(
            np.where(kept, sims[:len(kept)], -np.inf))
    return hubness


def mean_of_best(sims: Float[np.ndarray, 'n m']) -> Float[np.ndarray, 'n']:
  """Mean of the ten highest of each row, -inf left out; 0 of none."""
  last = min(_NUM_NEAREST, sims.shape[1])
  best = np.sort(np.partition(sims, -last, axis=1)[:, -last:], axis=1)
  finite = np.isfinite(best)
  return (np.where(finite, best, 0.).sum(axis=1)
          / np.maximum(finite.sum(axis=1), 1)).astype(np.float32)


@jax.jit
def _similarities(rows: Float[jax.Array | np.ndarray, 'n d'],
                  reference: Float[jax.Array, 'm d']) -> Float[
                      jax.Array, 'n m']:
  return jnp.matmul(rows, reference.T, precision=jax.lax.Precision.HIGHEST)

