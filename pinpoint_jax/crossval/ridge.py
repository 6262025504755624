"""The kernel ridge on one fold, with fixed settings and with chosen ones.

It is fitted on the source's own rows, and answers with their places (beyond
4096 distinct ones, with the anchors that stand for them). `chosen` picks its
settings by folds within the rows trained on.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import pathlib
import time
from typing import Any

import numpy as np
from pinpoint_jax.crossval import fused
from pinpoint_jax.disk import files, parts
from pinpoint_jax.evals import metrics
from pinpoint_jax.features import folds
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.geo import distance
from pinpoint_jax.ridge import model_selection
from pinpoint_jax.ridge import ridge as kernel_ridge

_INNER_FOLDS = 5
_BLOCK = 4096
_NOTE = ('all rows to train on have one author or sequence, there is nothing '
         'to choose settings by; the fixed ones are used')


def answer(path: pathlib.Path, train: rows_lib.StoreRows,
           held_out: rows_lib.StoreRows) -> Iterator[
               tuple[tuple[str, str], fused.Answered]]:
  """Its answers, by variant and decoding; kept in `path`."""
  folder = parts.Folder(path, {'train': train.fingerprint(),
                               'held_out': held_out.fingerprint()})
  if not folder.has(0):
    columns, fitted = _fit(train, held_out)
    files.write_json(path / 'settings.json', fitted)
    folder.write(0, columns)
  fitted = json.loads((path / 'settings.json').read_text())
  for name, km in folder.open(1).take(np.arange(len(held_out))).items():
    variant, decode = name.split('.')
    yield (variant, decode), fused.Answered(
        metrics.Errors(km, held_out.photos.clusters),
        fitted[variant]['seconds'], fitted[variant]['settings'],
        fitted[variant]['note'])


def _fit(train: rows_lib.StoreRows, held_out: rows_lib.StoreRows,
         ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
  """Errors by variant and decoding; settings, seconds, note by variant."""
  features, places = _features(train), train.photos.latlng_deg
  [inner] = folds.of_photos([train.photos], _INNER_FOLDS)
  columns, fitted = {}, {}
  for variant in ('linear', 'chosen'):
    began = time.monotonic()
    settings, note = kernel_ridge.Settings(), ''
    if variant == 'chosen' and inner.any():
      settings = model_selection.choose(features, places, inner)
    elif variant == 'chosen':
      note = _NOTE
    model = kernel_ridge.fit(features, places, settings)
    columns |= {f'{variant}.{decode}': km
                for decode, km in _dist_km(model, held_out).items()}
    fitted[variant] = {'settings': dataclasses.asdict(settings),
                       'seconds': time.monotonic() - began, 'note': note}
  return columns, fitted


def _dist_km(model: kernel_ridge.Model,
             held_out: rows_lib.StoreRows) -> Mapping[str, np.ndarray]:
  """Error of each row's answer, by decoding."""
  features, errors = _features(held_out), {}
  for decode, scale_km in kernel_ridge.SCALES_KM.items():
    worth = kernel_ridge.worths(model.latlng_deg, model.latlng_deg, scale_km)
    best = [(kernel_ridge.chances(model, features[at:at + _BLOCK])
             @ worth).argmax(axis=1) for at in range(0, len(features), _BLOCK)]
    errors[decode] = distance.haversine_km(
        model.latlng_deg[np.concatenate(best)], held_out.photos.latlng_deg)
  return errors


def _features(rows: rows_lib.StoreRows) -> np.ndarray:
  return np.asarray(rows.read(), np.float32)
