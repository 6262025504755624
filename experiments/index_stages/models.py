"""An embedder of a person's photos, the gallery that it makes, and the model.

  features ─▶ embedder, solved, as large as the rows allow
           ─▶ gallery: rows come and go with the photos
           ─▶ days left out ─▶ weights, calibration, figures ─▶ model

Each looks at what is there and does what is missing, so that a command that was
stopped anywhere is completed by the next.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import json
import pathlib
import shutil
from typing import Any

from experiments import train_embedder
from experiments.configs import crossval as crossval_configs
from experiments.configs import train_embedder as embedder_configs
from experiments.configs import train_router as router_configs
from experiments.run import model_card
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import model as models
from pinpoint_jax.crossval import solved, solved_claims
from pinpoint_jax.disk import files
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.features import store as stores
from pinpoint_jax.features import store_writer
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import layout, neighbours, update, writer
from pinpoint_jax.models import embedder_files
from pinpoint_jax.models import router as routers
from pinpoint_jax.ridge import near_pairs
from pinpoint_jax.train import closed_form
from pinpoint_jax.train import router as router_training

# More or fewer rows by so much, and the embedder is solved anew.
GROWTH = 0.2
_SEED = 0
# Slots of the table of places for each row: nine cells and room beside them.
_SLOTS = 16
FIGURES = 'figures.json'
Stores = Mapping[str, stores.FeatureStore]


@dataclasses.dataclass(frozen=True)
class Embedder:
  """An embedder, and how it came to be.

  Attributes:
    trained: the embedder.
    is_new: whether it was solved now.
    pair_km: kilometres within which two days show one place; None where it
      could not be solved, and features alone are compared.
  """

  trained: embedder_files.Trained
  is_new: bool
  pair_km: float | None

  @property
  def channels(self) -> tuple[str, ...]:
    """By which its galleries are searched."""
    return types.CHANNELS if self.pair_km else ('raw',)

  @property
  def num_rows(self) -> int:
    """Rows that it was solved on."""
    return sum(part['trained_on']['rows']
               for part in self.trained.inputs.values())


def embedder(folder: pathlib.Path, by_source: Stores) -> Embedder:
  """The embedder in `folder`, or another one where the rows outgrew it."""
  there = _there(folder)
  if there is not None and not _outgrown(there, by_source):
    return Embedder(there, False, _pair_km(there))
  rows = {source: rows_lib.open_rows([str(store.path)])
          for source, store in by_source.items()}
  pair_km = solved.pair_km(rows) if solved.judged_sources(rows) else None
  trained = _solve(pair_km, sum(map(len, rows.values())), rows, folder)
  return Embedder(trained, True, pair_km)


def _there(folder: pathlib.Path) -> embedder_files.Trained | None:
  return embedder_files.load(folder) if folder.is_dir() else None


def _outgrown(trained: embedder_files.Trained, by_source: Stores) -> bool:
  if trained.inputs.keys() != by_source.keys():
    return True
  before = [part['trained_on']['rows'] for part in trained.inputs.values()]
  now = sum(map(len, by_source.values()))
  return abs(now - sum(before)) > GROWTH * sum(before)


def _pair_km(trained: embedder_files.Trained) -> float | None:
  return next(iter(trained.inputs.values())).get('pair_km')


def config(num_rows: int, pair_km: float | None) -> config_dict.ConfigDict:
  """Of an embedder of so many rows: as crossval sizes it, without a step."""
  sized = crossval_configs.get_config(f'rows={num_rows}')
  changes = embedder_configs.feature_earth()
  slots = 2**int(np.ceil(np.log2(_SLOTS * num_rows)))
  changes['model'] |= {'dim': sized.model.dim, 'linear': pair_km is not None}
  changes['model']['location_options'] |= {'num_slots': min(slots, 2**16)}
  if pair_km is not None:
    changes['closed_form']['pairs'] = {'pair_km': pair_km}
  embedder_configs.change(sized, changes)
  return sized


def _solve(pair_km: float | None, num_rows: int,
           rows: Mapping[str, rows_lib.StoreRows],
           folder: pathlib.Path) -> embedder_files.Trained:
  """Solves an embedder of those rows; one that is there is read."""
  sized = config(num_rows, pair_km)
  sized.model.sources = tuple(rows)
  module = train_embedder.model(sized)
  settings = None
  if pair_km is not None:
    fields = sized.closed_form.to_dict()
    settings = closed_form.Settings(
        pairs=near_pairs.Settings(**fields.pop('pairs')), **fields)
  inputs = {source: {name: part.stores[0].manifest[name]
                     for name in types.BACKBONE_KEYS}
            | {'trained_on': part.trained_on(), 'pair_km': pair_km}
            for source, part in rows.items()}
  there = _there(folder)
  if there is None or there.inputs != inputs:
    embedder_files.save(
        folder, module, solved.params(module, rows, settings, _SEED), inputs,
        model_card.own_embedder(inputs))
  return embedder_files.load(folder)


@dataclasses.dataclass(frozen=True)
class Change:
  """What became of a gallery."""

  is_new: bool
  num_added: int = 0
  num_removed: int = 0


def gallery(path: pathlib.Path, trained: embedder_files.Trained,
            by_source: Stores, work: pathlib.Path) -> Change:
  """Makes the gallery hold just the rows of those stores."""
  mode = 'combined' if len(by_source) > 1 else next(iter(by_source))
  paths = [store.path for store in by_source.values()]
  if _is_of(path, trained, mode):
    change = _reconciled(path, trained, by_source, work)
  else:
    writer.build(path, trained, paths, writer.Settings(mode), replace=True)
    change = Change(True, sum(map(len, by_source.values())))
  neighbours.build_beside(path)
  return change


def _is_of(path: pathlib.Path, trained: embedder_files.Trained,
           mode: str) -> bool:
  if not (path / layout.MANIFEST).exists():
    return False
  manifest = layout.read_manifest(path)
  return (manifest['embedder'], manifest['mode']) == (
      trained.fingerprint, mode)


def remove(path: pathlib.Path, ids: Sequence[str]) -> int:
  """Takes rows out of a gallery, also off the disk; there need be none."""
  if not (path / layout.MANIFEST).exists() or not len(ids):
    return 0
  done = update.remove(path, np.asarray(ids, np.str_), allow_unknown=True)
  if done.num_removed or done.num_gone:
    update.compact(path)
  return done.num_removed


def _reconciled(path: pathlib.Path, trained: embedder_files.Trained,
                by_source: Stores, work: pathlib.Path) -> Change:
  opened = galleries.open_gallery(path, trained)
  live = np.setdiff1d(np.arange(len(opened)), opened.removed)
  there = opened.ids(live)
  wanted = np.concatenate([store.ids() for store in by_source.values()])
  num_removed = remove(path, np.setdiff1d(there, wanted).tolist())
  missing = {source: np.flatnonzero(~np.isin(store.ids(), there))
             for source, store in by_source.items()}
  missing = {source: rows for source, rows in missing.items() if len(rows)}
  if missing:
    if opened.manifest['removed'] and not num_removed:
      update.compact(path)  # Stopped between a removal and this.
    writer.add(path, trained, [
        _part(by_source[source], rows, work / 'added' / source)
        for source, rows in missing.items()])
    shutil.rmtree(work / 'added')
  return Change(False, sum(map(len, missing.values())), num_removed)


def _part(store: stores.FeatureStore, rows: np.ndarray,
          path: pathlib.Path) -> pathlib.Path:
  """A store of some rows of another."""
  shutil.rmtree(path, ignore_errors=True)
  path.parent.mkdir(parents=True, exist_ok=True)
  manifest = store.manifest
  store_writer.write(
      path, store.photos.take(rows), [store.features[rows]], manifest['dim'],
      store_writer.FeatureOrigin(manifest['backbone'], manifest['weight_hash'],
                                 manifest['preprocess'],
                                 licence=store.licence))
  return path


def is_model_of(folder: pathlib.Path, own: Embedder) -> bool:
  """Whether the model in `folder` has that embedder."""
  return folder.is_dir() and (
      models.load(folder).embedder.fingerprint == own.trained.fingerprint)


def judge(own: Embedder, by_source: Stores,
          work: pathlib.Path) -> dict[str, solved.Judged]:
  """What days left out say; folds that are in `work` already stay."""
  rows = {source: rows_lib.open_rows([str(store.path)])
          for source, store in by_source.items()}
  judged = {source: rows[source] for source in solved.judged_sources(rows)}
  solve = functools.partial(_solve, own.pair_km, sum(map(len, judged.values())))
  folder = work / own.trained.fingerprint
  return solved_claims.calibrated(
      solved.judge(judged, own.channels, solve, folder), judged, folder)


def export(folder: pathlib.Path, own_folder: pathlib.Path, own: Embedder,
           by_source: Stores, judged: Mapping[str, solved.Judged],
           backbone: str, work: pathlib.Path) -> None:
  """Writes the model, and the figures beside it."""
  num_rows = sum(map(len, by_source.values()))
  calibration = {source: part.calibration for source, part in judged.items()
                 if part.calibration is not None}
  figures = {source: dict(part.figures) for source, part in judged.items()}
  files.write_json(folder.parent / FIGURES, {
      'held_out_days': figures, 'calibrated': sorted(calibration),
      'notes': {source: [part.note] for source, part in judged.items()
                if part.note}})
  models.export(
      folder, own_folder, {},
      {source: solved.retrieval(judged.get(source), num_rows)
       for source in by_source},
      _router(by_source, work / 'router') if len(by_source) > 1 else None,
      backbone, model_card.own(list(by_source), calibration, figures),
      calibration)


def figures(folder: pathlib.Path) -> dict[str, Any]:
  """What `export` wrote beside the model in that folder."""
  return json.loads((folder.parent / FIGURES).read_text(encoding='utf-8'))


def _router(by_source: Stores, folder: pathlib.Path) -> pathlib.Path:
  """Tells photos from street views; all rows teach it, none is held out."""
  settings = router_configs.get_config()
  photo, street = (store.rows(np.arange(len(store)))
                   for store in (by_source['photo'], by_source['street']))
  origin = {name: by_source['photo'].manifest[name]
            for name in types.BACKBONE_KEYS}
  routers.save(folder, router_training.fit(photo, street, origin, settings.l2),
                       'Tells photos from street views.\n')
  return folder
