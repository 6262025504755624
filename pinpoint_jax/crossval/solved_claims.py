"""How claims of place are judged where an embedder is solved, not trained.

  folds of days ─▶ an embedder of each, and the gallery that it makes
                ─▶ how the days that it never saw fit their true places, and
                   places moved from there ─▶ ClaimCalibration of all folds

As `solved.py` calibrates confidence: no photo is judged by its own day.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
import shutil

from jaxtyping import Bool
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import answerer, claim_reader, held_out, regression
from pinpoint_jax.answer import model as models
from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import solved
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store as stores
from pinpoint_jax.features import store_writer
from pinpoint_jax.gallery import writer
from pinpoint_jax.models import embedder_files


def calibrated(judged: Mapping[str, solved.Judged], rows: fold_lib.Rows,
               folder: pathlib.Path) -> dict[str, solved.Judged]:
  """The same, with what claims about photos of each source are judged by.

  Where a source has no calibration, or too few photos that can be moved to
  other places, it has none for claims.

  rows: those that were judged.
  folder: where `solved.judge` has left the embedders of the folds.
  """
  folds = fold_lib.split(rows, solved.NUM_FOLDS) if judged else []
  clusters = {source: [fold.held_out[source].photos.clusters for fold in folds]
              for source in judged}
  first = {source: _parted(regression.halves(np.concatenate(parts)), parts)
           for source, parts in clusters.items()}
  done: dict[str, list[held_out.Block]] = {source: [] for source in judged}
  seen: dict[str, list[np.ndarray]] = {source: [] for source in judged}
  known = {}
  for i, fold in enumerate(folds):
    work = folder / f'fold_{fold.index}'
    answering = _answering(fold, judged, work)
    for source, part in fold.held_out.items():
      store = _stored(part, work / 'held_out')
      blocks = list(held_out.measured(answering, store, first[source][i]))
      done[source] += blocks
      seen[source] += [clusters[source][i][block.held.rows] for block in blocks]
      known[source] = claim_reader.Reader(answering).known(source)
  return {source: part if part.calibration is None else dataclasses.replace(
      part, calibration=held_out.completed(
          part.calibration, done[source], np.concatenate(seen[source]),
          known[source])) for source, part in judged.items()}


def _parted(whole: Bool[np.ndarray, 'n'],
            parts: Sequence[types.Strings]) -> list[Bool[np.ndarray, '_']]:
  return np.split(whole, np.cumsum([len(part) for part in parts])[:-1])


def _answering(fold: fold_lib.Fold, judged: Mapping[str, solved.Judged],
               work: pathlib.Path) -> answerer.Answerer:
  """What answers from the rows of a fold, as the whole model will from all."""
  trained = embedder_files.load(work / 'model')
  shown = [_stored(part, work / f'shown_{source}').path
           for source, part in fold.train.items()]
  mode = 'combined' if len(shown) > 1 else next(iter(fold.train))
  writer.build(work / 'gallery', trained, shown, writer.Settings(mode),
               replace=True, quiet=True)
  num_rows = sum(map(len, fold.train.values()))
  models.export(work / 'answering', work / 'model', {}, {
      source: solved.retrieval(dataclasses.replace(
          part, weights=part.fold_weights[fold.index]), num_rows)
      for source, part in judged.items()}, None, '', '')
  return answerer.Answerer(models.load(work / 'answering'), work / 'gallery')


def _stored(part: rows_lib.StoreRows,
            path: pathlib.Path) -> stores.FeatureStore:
  """Those rows as a store of their own."""
  shutil.rmtree(path, ignore_errors=True)
  manifest = part.stores[0].manifest
  return store_writer.write(
      path, part.photos, [part.read()], part.dim, store_writer.FeatureOrigin(
          *(manifest[name] for name in types.BACKBONE_KEYS[:3])))
