"""The kernel ridge on one fold: as it is, as inner folds choose it, and with
all sources.

  linear       the plain ridge on the source's own rows, fixed settings
  chosen       the source's own rows; penalty and weight of the prior chosen
  two_sources  other sources too, where inner folds say that they help

Answers are places of rows trained on (beyond 4096 distinct ones of a source,
anchors that stand for them). Inner folds part authors, sequences and blocks as
the outer ones do.
"""

from collections.abc import Iterator, Mapping
import dataclasses
import json
import pathlib
import time
from typing import Any

import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import fused
from pinpoint_jax.disk import files, parts
from pinpoint_jax.evals import metrics
from pinpoint_jax.features import folds
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.geo import distance
from pinpoint_jax.ridge import mixture as mixtures
from pinpoint_jax.ridge import model_selection
from pinpoint_jax.ridge import ridge as kernel_ridge

VARIANTS = ('linear', 'chosen', 'two_sources')
_INNER_FOLDS = 5
_BLOCK = 4096
_NOTE = ('the rows to train on make no two inner folds, there is nothing to '
         'choose settings by; the usual ones are used')
_CONSTANT = ('inner folds do not say that features help: the best constant '
             'place answers')
_Columns = dict[str, np.ndarray]
# What answers, by source and variant.
Choices = Mapping[tuple[str, str], model_selection.Choice]


def answer(path: pathlib.Path, fold: fold_lib.Fold) -> Iterator[
    tuple[tuple[str, str, str], fused.Answered]]:
  """Its answers, by source, variant and decoding; kept in `path`."""
  about = {f'{side} {source}': part.fingerprint()
           for side in ('train', 'held_out')
           for source, part in getattr(fold, side).items()}
  folder = parts.Folder(path, about | {'block_km': fold.block_km})
  if not (path / 'settings.json').is_file():
    files.write_json(path / 'settings.json', _fit(fold, folder))
  fitted = json.loads((path / 'settings.json').read_text())
  opened = folder.open(len(fold.held_out))
  for part, (source, rows) in zip(opened.parts, fold.held_out.items()):
    for name, km in part.items():
      variant, decode = name.split('.')
      own = fitted[source][variant]
      yield (source, variant, decode), fused.Answered(
          metrics.Errors(np.array(km), rows.photos.clusters), own['seconds'],
          own['settings'], own['note'])


def _fit(fold: fold_lib.Fold, folder: parts.Folder) -> dict[str, Any]:
  """Writes the errors of each source; settings, seconds, note by variant."""
  tables = {source: table(part) for source, part in fold.train.items()}
  began = time.monotonic()
  ridges = mixtures.fit(tables)
  choices, note = choose(ridges, tables, fold)
  shared = (time.monotonic() - began) / len(tables)
  fitted: dict[str, Any] = {}
  for number, (source, rows) in enumerate(fold.held_out.items()):
    columns, fitted[source] = _linear(tables[source], rows)
    for variant in VARIANTS[1:1 + len(tables)]:
      began, choice = time.monotonic(), choices[source, variant]
      columns |= {f'{variant}.{decode}': distance.haversine_km(
          _places(ridges, source, rows, choice, scale_km),
          rows.photos.latlng_deg)
          for decode, scale_km in kernel_ridge.SCALES_KM.items()}
      said = note or _CONSTANT * (not choice.mixture.own
                                  and not choice.mixture.other)
      fitted[source][variant] = {
          'settings': dataclasses.asdict(choice), 'note': said,
          'seconds': shared + time.monotonic() - began}
    folder.write(number, columns)
  return fitted


def choose(ridges: mixtures.Ridges, tables: Mapping[str, mixtures.Table],
           fold: fold_lib.Fold) -> tuple[Choices, str]:
  """What answers each source, and a note where nothing can be chosen."""
  splits = inner_splits(fold)
  if len(splits) < 2:
    usual = model_selection.Choice(*model_selection.USUAL, 0.)
    return {(source, variant): usual for source in tables
            for variant in VARIANTS[1:]}, _NOTE
  chosen = model_selection.choose(
      ridges.inputs, tables, {source: part.photos.clusters
                              for source, part in fold.train.items()}, splits)
  return {(source, variant): choice for source, pair in chosen.items()
          for variant, choice in zip(VARIANTS[1:], pair)}, ''


def inner_splits(fold: fold_lib.Fold) -> list[model_selection.Split]:
  """Inner folds of evenly spread rows of a fold's rows trained on."""
  photos = [part.photos for part in fold.train.values()]
  most = model_selection.MOST_ROWS // len(photos)
  at = [blocks.evenly_spread(len(some), most) for some in photos]
  few = [some.take(rows) for some, rows in zip(photos, at)]
  numbers, splits = folds.of_photos(few, _INNER_FOLDS), []
  for k in range(_INNER_FOLDS):
    held_out = [number == k for number in numbers]
    near = folds.too_near(few, held_out, fold.block_km)
    train = [rows[~late & ~close]
             for rows, late, close in zip(at, held_out, near)]
    asked = [rows[late] for rows, late in zip(at, held_out)]
    if all(map(len, train)) and any(map(len, asked)):
      splits.append(model_selection.Split(dict(zip(fold.train, train)),
                                          dict(zip(fold.train, asked))))
  return splits


def table(rows: rows_lib.StoreRows) -> mixtures.Table:
  """Features, float32, and places of some rows."""
  return mixtures.Table(_features(rows), rows.photos.latlng_deg)


def _linear(train: mixtures.Table,
            held_out: rows_lib.StoreRows) -> tuple[_Columns, dict[str, Any]]:
  """Errors of the plain ridge by decoding; its settings, seconds and note."""
  began, settings = time.monotonic(), kernel_ridge.Settings()
  model = kernel_ridge.fit(train.features, train.latlng_deg, settings)
  features, columns = _features(held_out), {}
  for decode, scale_km in kernel_ridge.SCALES_KM.items():
    worth = kernel_ridge.worths(model.latlng_deg, model.latlng_deg, scale_km)
    best = [(kernel_ridge.chances(model, features[part]) @ worth).argmax(axis=1)
            for part in blocks.slices(len(features), _BLOCK)]
    columns[f'linear.{decode}'] = distance.haversine_km(
        model.latlng_deg[np.concatenate(best)], held_out.photos.latlng_deg)
  return columns, {'linear': {
      'settings': dataclasses.asdict(settings), 'note': '',
      'seconds': time.monotonic() - began}}


def _places(ridges: mixtures.Ridges, source: str, rows: rows_lib.StoreRows,
            choice: model_selection.Choice, scale_km: float) -> np.ndarray:
  features = _features(rows)
  return np.concatenate([
      mixtures.answer(ridges, source, features[part], choice.penalty,
                      choice.mixture, scale_km)
      for part in blocks.slices(len(features), _BLOCK)])


def _features(rows: rows_lib.StoreRows) -> np.ndarray:
  return np.asarray(rows.read(), np.float32)
