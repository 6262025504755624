"""What an embedder that is solved, not trained, is worth on days left out.

  folds of days ─▶ an embedder of each ─▶ lists of the days that it never saw
      ─▶ weights, by all lists
      ─▶ answers by weights of the OTHER folds ─▶ errors ─▶ calibration, figures

For a person's own photos: a few hundred rows, one source or two, no test set.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
from typing import Protocol, runtime_checkable

from flax import traverse_util
import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import decoding
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.crossval import fold as fold_lib
from pinpoint_jax.crossval import fused
from pinpoint_jax.crossval import lists as lists_lib
from pinpoint_jax.evals import metrics
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.geo import distance
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.models import embedder_files
from pinpoint_jax.rerank import fusion
from pinpoint_jax.ridge import near_pairs
from pinpoint_jax.train import closed_form
from scipy import spatial

NUM_FOLDS = 5
# With fewer, errors of days left out say too little to promise anything.
MIN_ROWS, MIN_ORIGINS = 40, 6
# Kilometres within which pictures of two days may show one place.
PAIR_KM = (10., 100., 1000.)
# Share of the rows that need a picture of another day near them.
_PAIRED = 0.25
# Log-odds that a cosine of 1 is worth where nothing could be fitted.
_UNFITTED = 10.0
# Queries that weights are fitted on, and that are decoded at a time.
_MOST, _BLOCK = 20_000, 1024


@runtime_checkable
class SolveEmbedder(Protocol):
  """Solves an embedder of some rows, or reads the one that is there."""

  def __call__(self, rows: fold_lib.Rows,
               folder: pathlib.Path) -> embedder_files.Trained:
    """Of `rows`, in the model directory `folder`."""


@dataclasses.dataclass(frozen=True)
class Judged:
  """What days left out say of one source.

  Attributes:
    weights: of the channels, by all lists.
    calibration: None where a half of the days has too few photos.
    figures: of the answers.
    note: a sentence for the user, '' for none.
    fold_weights: of the channels, for each fold by the lists of the others.
  """

  weights: fusion.Fusion
  calibration: calibrations.Calibration | None
  figures: Mapping[str, float]
  note: str = ''
  fold_weights: tuple[fusion.Fusion, ...] = ()


def params(module: embedders.Embedder, rows: fold_lib.Rows,
           settings: closed_form.Settings | None, seed: int) -> dict:
  """Parameters of an embedder of those rows.

  Not solved without settings, or where no two days show one place: then only
  features can be compared.
  """
  features = {source: part.read() for source, part in rows.items()}
  flat = dict(_begun(module, tuple(
      (source, part.dim) for source, part in rows.items()), seed))
  if settings is not None and any(
      _num_paired(part, settings.pairs.pair_km) for part in rows.values()):
    flat |= closed_form.solve(module, {
        source: near_pairs.Pictures(
            features[source], part.xyz,
            np.unique(part.photos.clusters, return_inverse=True)[1])
        for source, part in rows.items()}, settings)
  return traverse_util.unflatten_dict(
      {name: np.asarray(value) for name, value in flat.items()}, sep='/')


def _begun(module: embedders.Embedder, dims: tuple[tuple[str, int], ...],
           seed: int) -> Mapping[str, np.ndarray]:
  """Parameters before anything is solved, by path."""
  begun = jax.jit(module.init)(
      jax.random.key(seed), {source: np.zeros((1, dim), np.float32)
                             for source, dim in dims},
      {source: np.zeros((1, 3), np.float32) for source, _ in dims})['params']
  return traverse_util.flatten_dict(jax.device_get(begun), sep='/')


def pair_km(rows: fold_lib.Rows) -> float | None:
  """The shortest of PAIR_KM at which enough rows have a row of another day
  near them; None where none has, and nothing can be solved."""
  for km in PAIR_KM:
    num = sum(_num_paired(part, km) for part in rows.values())
    if num >= _PAIRED * sum(map(len, rows.values())):
      return km
  return None


def _num_paired(part: rows_lib.StoreRows, km: float) -> int:
  """Rows with another day's among those that near_pairs looks at."""
  origin = np.unique(part.photos.clusters, return_inverse=True)[1]
  chord = distance.km_to_chord(km)
  near = spatial.cKDTree(part.xyz).query(
      part.xyz, near_pairs.Settings().neighbours,
      distance_upper_bound=chord)[1].reshape(len(part), -1)
  other = np.append(origin, -1)[near]
  return int(((other >= 0) & (other != origin[:, None])).any(axis=1).sum())


def judged_sources(rows: fold_lib.Rows) -> tuple[str, ...]:
  """Sources with enough photos of enough days."""
  return tuple(
      source for source, part in rows.items() if len(part) >= MIN_ROWS
      and len(np.unique(part.photos.clusters)) >= MIN_ORIGINS)


def judge(rows: fold_lib.Rows, channels: Sequence[str], solve: SolveEmbedder,
          folder: pathlib.Path) -> dict[str, Judged]:
  """What days left out say, by source; `folder` keeps what is done.

  rows: of sources with enough photos of enough days.
  channels: that a gallery is searched by.
  """
  if not rows:
    return {}
  listed: dict[str, list[lists_lib.Lists]] = {source: [] for source in rows}
  for fold in fold_lib.split(rows, NUM_FOLDS):
    here = folder / f'fold_{fold.index}'
    trained = solve(fold.train, here / 'model')
    for source, lists in lists_lib.make(
        fold, trained, channels, here / 'lists').items():
      listed[source].append(lists)
  return {source: _judged(lists, channels) for source, lists in listed.items()}


def retrieval(judged: Judged | None, num_rows: int) -> models.Retrieval:
  """What answers from so many rows: lists are as long as those of folds.

  Where nothing could be judged features alone are compared.
  """
  weights = judged.weights if judged else fusion.Fusion(0., 0., _UNFITTED)
  size = lists_lib.list_size(num_rows)
  return models.Retrieval(weights, shortlist.Sizes(**{
      name: size * (weight > 0) for name, weight in weights.as_dict().items()}))


def _judged(lists: Sequence[lists_lib.Lists],
            channels: Sequence[str]) -> Judged:
  """Weights by all folds; errors of each by the weights of the others."""
  fold_weights = [fused.fit(lists_lib.several(
      [other for other in lists if other is not fold], _MOST), channels).fusion
                  for fold in lists]
  parts = [_answered(fold, weights, channels)
           for fold, weights in zip(lists, fold_weights)]
  near, alike, dist_km, clusters = (
      np.concatenate([part[i] for part in parts]) for i in range(4))
  weights = fused.fit(lists_lib.several(lists, _MOST), channels)
  notes = [weights.note] if weights.note else []
  try:
    calibration = calibrations.fit(
        signals_lib.Signals(near, alike), dist_km, clusters)
  except ValueError:
    calibration = None
    notes.append('not calibrated: nearly all photos are of one day, and the '
                 'days cannot be halved')
  return Judged(weights.fusion, calibration, metrics.summarise(
      metrics.Errors(dist_km, clusters)), '; '.join(notes),
                tuple(fold_weights))


def _answered(lists: lists_lib.Lists, weights: fusion.Fusion,
              channels: Sequence[str]) -> tuple[np.ndarray, ...]:
  """Signals, errors and origins of a fold's answers."""
  # As answer.evidence has it: features where there are some.
  alike_by = types.CHANNELS.index('raw' if 'raw' in channels else 'image')
  parts = []
  for batch in lists.batches(_BLOCK):
    scores = weights.logits(fused.proposed(batch.shortlist, channels))
    best = decoding.argmax(scores)[:, None]
    answer = np.take_along_axis(batch.latlng_deg, best[..., None], axis=1)
    signals = signals_lib.of(
        scores, batch.latlng_deg, answer[:, 0],
        batch.shortlist.similarities[..., alike_by].max(axis=1))
    parts.append((signals.near, signals.alike,
                  np.take_along_axis(batch.dist_km, best, axis=1)[:, 0]))
  near, alike, dist_km = (
      np.concatenate([part[i] for part in parts]) for i in range(3))
  return near, alike, dist_km, lists.photos.clusters
