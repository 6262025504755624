"""The chooser that knows the world: how well could a reranker do at all?

It knows what every cue looks like, which of them a query shows and how
strongly, and how content, camera and noise vary. It knows neither the truth
nor the features of the candidates.
"""

from input_pipeline.feature_earth import settings
from input_pipeline.feature_earth import world as worlds
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types

# Sights that a photo tagged there could be of, and how far they may be.
_NUM_SIGHTS = 4
_REACH_KM = 1.0
# Candidates of several queries that are scored at a time.
_PAIRS = 1 << 14


class Ideal:
  """Scores of candidate places by all that can be known of a world."""

  def __init__(self, world: worlds.World):
    self._world = world
    self._blocks = {}
    look = world.appearance
    self._whiten = {
        source: np.linalg.inv(np.linalg.cholesky(look.covariance(source))).T
        for source in types.SOURCES}

  def scores(self, split: str, query_rows: Int[np.ndarray, 'b'],
             candidate_latlng: Float[np.ndarray, 'b k 2']) -> Float[
                 np.ndarray, 'b k']:
    """Log-likelihood of each query's picture at each place, less a constant."""
    parts = []
    step = max(1, _PAIRS // candidate_latlng.shape[1])
    for start in range(0, len(query_rows), step):
      some = slice(start, start + step)
      parts.append(self._scores(
          split, query_rows[some],
          np.asarray(candidate_latlng[some], np.float64)))
    return np.concatenate(parts or [np.zeros(candidate_latlng.shape[:2])])

  def _scores(self, split: str, rows: np.ndarray,
              places: np.ndarray) -> Float[np.ndarray, 'b k']:
    look, source = self._world.appearance, worlds.source_of(split)
    features, strengths = self._queries(split, rows)
    num, k = places.shape[:2]
    flat, each = places.reshape(-1, 2), np.repeat(strengths, k, axis=0)
    values = self._world.cues.at(flat, np.full(len(flat), -1))
    rest = np.repeat(features - look.mean[source][None], k, axis=0) - (
        look.of_cues(each, values, source))
    # Each of the sights near a place may be the one that the query shows.
    num_dims = settings.CUES[settings.SIGHT].num_dims
    shown = self._sights_near(flat) @ look.directions[source][-num_dims:]
    gaps = rest[:, None] - each[:, settings.SIGHT, None, None] * shown
    fits = -0.5 * ((gaps @ self._whiten[source])**2).sum(-1)
    return np.logaddexp.reduce(fits, axis=1).reshape(num, k)

  def _sights_near(self, places: Float[np.ndarray, 'n 2']) -> Float[
      np.ndarray, 'n m s']:
    """Cues of the sights within reach, 0 where there are no more of them."""
    near = self._world.geography.nearest_sights(places, _NUM_SIGHTS)
    return self._world.cues.of_sights(
        np.where(near.dist_km < _REACH_KM, near.rows, -1))

  def _queries(self, split: str, rows: np.ndarray) -> tuple[
      Float[np.ndarray, 'b d'], Float[np.ndarray, 'b c']]:
    """Features and strengths of queries, from the blocks that hold them."""
    features = np.empty((len(rows), self._world.size.dim))
    strengths = np.empty((len(rows), len(settings.CUES)))
    for block in np.unique(rows // worlds.BLOCK_ROWS).tolist():
      if (split, block) not in self._blocks:
        taken = self._world.taken(split, block)
        self._blocks[split, block] = (
            self._world.features(split, block),
            self._world.appearance.strengths(
                taken, worlds.source_of(split)))
      held = self._blocks[split, block]
      here = rows // worlds.BLOCK_ROWS == block
      within = rows[here] % worlds.BLOCK_ROWS
      features[here], strengths[here] = held[0][within], held[1][within]
    return features, strengths
