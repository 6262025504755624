"""Systems that answer queries from a gallery, and their errors."""


from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import distance
from pinpoint_jax.search import row_sets

# Chance is a mean over draws, so that its small figures are no lottery.
_CHANCE_DRAWS = 20


def same_origin(queries: types.Photos,
                gallery: types.Photos) -> types.RowSets:
  """The gallery rows that share each query's author, sequence or id.

  As candidates.filters, of tables whose rows do not tell their source.
  """
  return row_sets.union(*(_same_name(getattr(queries, name),
                                     getattr(gallery, name))
                          for name in ('authors', 'sequences', 'ids')))


def _same_name(queries: types.Strings, gallery: types.Strings) -> types.RowSets:
  names, codes = np.unique(np.concatenate([queries, gallery]),
                           return_inverse=True)
  codes = np.where(names[codes] == '', -1, codes)
  return row_sets.same_code(codes[:len(queries)], codes[len(queries):])


def answers(queries: types.Photos, gallery: types.Photos,
            rows: Int[np.ndarray, 'b']) -> types.Predictions:
  """The places of those gallery rows as answers; -1 is no row."""
  if (rows < 0).any():
    query = str(queries.ids[np.flatnonzero(rows < 0)[0]])
    raise ValueError(f'query {query!r}: no gallery row is left to answer with '
                     f'({len(gallery)} rows before the filter)')
  return types.Predictions(queries.ids, gallery.latlng_deg[rows])


def errors(predictions: types.Predictions, truth: types.Photos,
           distance_name: str = 'haversine') -> metrics.Errors:
  """Distance of each answer from its truth; rows must be in the same order."""
  if not np.array_equal(predictions.ids, truth.ids):
    raise ValueError('predictions and truth list different ids')
  dist_fn = distance.distance_fn(distance_name)
  return metrics.Errors(
      dist_fn(predictions.latlng_deg, truth.latlng_deg), truth.clusters)


def chance_errors(
    queries: types.Photos, gallery: types.Photos, seed: int,
    distance_name: str = 'haversine') -> metrics.Errors:
  """Errors of answering with a random gallery row, 20 draws per query."""
  rng = np.random.default_rng(seed)
  dist_fn = distance.distance_fn(distance_name)
  def draw() -> metrics.Errors:
    rows = rng.integers(len(gallery), size=len(queries))
    dist_km = dist_fn(gallery.latlng_deg[rows], queries.latlng_deg)
    return metrics.Errors(dist_km, queries.clusters)
  return metrics.merge(draw() for _ in range(_CHANCE_DRAWS))
