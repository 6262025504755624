"""The closed form on one fold, with fixed settings and with chosen ones.

It is fitted on the source's own rows, and answers with their places (beyond
4096 distinct ones, with the anchors that stand for them). `chosen` picks its
settings by folds within the rows trained on.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import pathlib
from typing import Any

from experiments import crossval_fused
import numpy as np
from pinpoint_jax.disk import files, parts
from pinpoint_jax.evals import metrics
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.geo import distance
from pinpoint_jax.models import closed_form, closed_form_choice

_INNER_FOLDS = 5
_BLOCK = 4096


def answer(path: pathlib.Path, train: rows_lib.StoreRows,
           held_out: rows_lib.StoreRows) -> Iterator[
               tuple[tuple[str, str], crossval_fused.Answered]]:
  """What it answers, by variant and decoding; kept in `path`."""
  folder = parts.Folder(path, {'train': train.fingerprint(),
                               'held_out': held_out.fingerprint()})
  if not folder.has(0):
    features, inner = _features(train), rows_lib.folds(
        train.photos.clusters, _INNER_FOLDS)
    settings = {'linear': closed_form.Settings(),
                'chosen': closed_form_choice.choose(
                    features, train.photos.latlng_deg, inner)}
    files.write_json(path / 'settings.json', {
        name: dataclasses.asdict(one) for name, one in settings.items()})
    folder.write(0, {
        f'{name}.{decode}': km for name, one in settings.items()
        for decode, km in _dist_km(
            closed_form.fit(features, train.photos.latlng_deg, one),
            held_out).items()})
  used = json.loads((path / 'settings.json').read_text())
  for name, km in folder.open(1).take(np.arange(len(held_out))).items():
    variant, decode = name.split('.')
    yield (variant, decode), crossval_fused.Answered(
        metrics.Errors(km, held_out.photos.clusters), used[variant])


def _dist_km(model: closed_form.Model,
             held_out: rows_lib.StoreRows) -> Mapping[str, np.ndarray]:
  """Error of each row's answer, by decoding."""
  features, found = _features(held_out), {}
  for decode, scale_km in closed_form.SCALES_KM.items():
    worth = closed_form.worths(model.latlng_deg, model.latlng_deg, scale_km)
    best = [(closed_form.chances(model, features[at:at + _BLOCK])
             @ worth).argmax(axis=1) for at in range(0, len(features), _BLOCK)]
    found[decode] = distance.haversine_km(
        model.latlng_deg[np.concatenate(best)], held_out.photos.latlng_deg)
  return found


def _features(rows: rows_lib.StoreRows) -> Any:
  return np.asarray(rows.__getitems__(range(len(rows)))['features'], np.float32)
