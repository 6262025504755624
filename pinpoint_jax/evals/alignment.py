"""Predictions matched to truth by id; nothing missing, extra or twice."""

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types

_NUM_EXAMPLES = 3


def align(
    predictions: types.Predictions, truth_ids: types.Strings
) -> types.Predictions:
  """The predictions in the order of `truth_ids` [n]; refuses any mismatch."""
  rows = order(predictions.ids, truth_ids)
  return types.Predictions(predictions.ids[rows], predictions.latlng_deg[rows])


def order(ids: types.Strings,
          truth_ids: types.Strings) -> Int[np.ndarray, 'n']:
  """Where in the predictions' `ids` each of `truth_ids` is, as `align`."""
  complaints = [
      *_complaint('duplicate ids in the predictions', _twice(ids)),
      *_complaint('duplicate ids in the truth', _twice(truth_ids)),
      *_complaint('ids of the truth without a prediction',
                  np.setdiff1d(truth_ids, ids)),
      *_complaint('predicted ids that the truth lacks',
                  np.setdiff1d(ids, truth_ids)),
  ]
  if complaints:
    raise ValueError('; '.join(complaints))
  ascending = np.argsort(ids)
  return ascending[np.searchsorted(ids[ascending], truth_ids)]


def _twice(ids: types.Strings) -> types.Strings:
  names, counts = np.unique(ids, return_counts=True)
  return names[counts > 1]


def _complaint(what: str, ids: types.Strings) -> list[str]:
  if not len(ids):
    return []
  shown = ', '.join(repr(str(i)) for i in ids[:_NUM_EXAMPLES])
  more = ', …' if len(ids) > _NUM_EXAMPLES else ''
  return [f'{len(ids)} {what} ({shown}{more})']
