"""Predictions matched to truth by id; nothing missing, extra or twice."""

import numpy as np
from pinpoint_jax import types

_NUM_EXAMPLES = 3


def align(
    predictions: types.Predictions, truth_ids: types.Strings
) -> types.Predictions:
  """The predictions in the order of `truth_ids` [n]; refuses any mismatch."""
  complaints = [
      *_complaint('duplicate ids in the predictions', _twice(predictions.ids)),
      *_complaint('duplicate ids in the truth', _twice(truth_ids)),
      *_complaint('ids of the truth without a prediction',
                  np.setdiff1d(truth_ids, predictions.ids)),
      *_complaint('predicted ids that the truth lacks',
                  np.setdiff1d(predictions.ids, truth_ids)),
  ]
  if complaints:
    raise ValueError('; '.join(complaints))
  order = np.argsort(predictions.ids)
  rows = order[np.searchsorted(predictions.ids[order], truth_ids)]
  return types.Predictions(predictions.ids[rows], predictions.latlng_deg[rows])


def _twice(ids: types.Strings) -> types.Strings:
  names, counts = np.unique(ids, return_counts=True)
  return names[counts > 1]


def _complaint(what: str, ids: types.Strings) -> list[str]:
  if not len(ids):
    return []
  shown = ', '.join(repr(str(i)) for i in ids[:_NUM_EXAMPLES])
  more = ', …' if len(ids) > _NUM_EXAMPLES else ''
  return [f'{len(ids)} {what} ({shown}{more})']
