"""Photos of known place, answered as a stranger's: what calibrates a model.

  store ─▶ candidates without its authors and drives ─▶ Signals, errors in km
        ─▶ Calibration
        ─▶ how their true places fit, and places moved from there
        ─▶ ClaimCalibration
"""

from collections.abc import Iterator, Sequence
import dataclasses
import pathlib

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.answer import (
  answerer,
  calibration,
  claim_calibration,
  claim_columns,
  claim_reader,
  likelihood,
  moved_places,
  regression,
)
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.candidates import filters, shortlist
from pinpoint_jax.disk import files
from pinpoint_jax.features import store as stores
from pinpoint_jax.geo import distance
from pinpoint_jax.search import masks

# Photos whose candidates are in memory at a time.
_BLOCK = 256
# Places that each photo is moved to, to learn what a false claim looks like.
_NUM_MOVED = 2


@dataclasses.dataclass(frozen=True)
class HeldOut:
  """Photos of known place that have an answer.

  Attributes:
    rows: of their store.
    clusters: author or drive of each.
    truth_deg: where they were taken.
    dist_km: from their answers to there.
    signals: of their answers.
    latlng_deg: of their candidates, the answer first; anything in padded slots.
    scores: of their candidates, -inf in padded slots.
    kinds: log density of each kind of kernel at the truth; likelihood.py.
    has_region: whether one of the kinds is a region prior.
  """

  rows: Int[np.ndarray, 'b']
  clusters: types.Strings
  truth_deg: Float[np.ndarray, 'b 2']
  dist_km: Float[np.ndarray, 'b']
  signals: signals_lib.Signals
  latlng_deg: Float[np.ndarray, 'b k 2']
  scores: Float[np.ndarray, 'b k']
  kinds: Float[np.ndarray, 'b kinds']
  has_region: bool

  def __len__(self) -> int:
    return len(self.rows)

  def take(self, rows: np.ndarray) -> 'HeldOut':
    """Some of them, by number or mask."""
    return HeldOut(**{name: array[rows] for name, array in
                      self.arrays().items()},
                   signals=self.signals.take(rows), has_region=self.has_region)

  def arrays(self) -> dict[str, np.ndarray]:
    """All but the signals, by name."""
    return {field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ('signals', 'has_region')}


def joined(parts: Sequence[HeldOut]) -> HeldOut:
  """All of them, in order."""
  whole = lambda arrays: np.concatenate(list(arrays))
  return HeldOut(
      **{name: whole(part.arrays()[name] for part in parts)
         for name in parts[0].arrays()},
      signals=signals_lib.joined([part.signals for part in parts]),
      has_region=parts[0].has_region)


def save(path: pathlib.Path, held: HeldOut) -> None:
  """Writes them to a file, whole or not at all."""
  with files.atomic(path) as draft:
    np.savez(draft, near=held.signals.near, alike=held.signals.alike,
             has_region=held.has_region, **held.arrays())


def load(path: pathlib.Path) -> HeldOut:
  """What was saved."""
  with np.load(path, allow_pickle=False) as saved:
    arrays = {name: saved[name] for name in saved.files}
  return HeldOut(
      signals=signals_lib.Signals(arrays.pop('near'), arrays.pop('alike')),
      has_region=bool(arrays.pop('has_region')), **arrays)


@dataclasses.dataclass(frozen=True)
class Block:
  """Photos that have an answer, and what claims about them rest on.

  Attributes:
    held: the photos.
    parts: of their true places, then of places moved from there.
    valid: which of the moved places are there.
  """

  held: HeldOut
  parts: claim_columns.Parts
  valid: Bool[np.ndarray, 'b m']


@dataclasses.dataclass(frozen=True)
class _Answered:
  """Photos that were answered together.

  Attributes:
    held: those that have an answer.
    queries, scored, mask: of these.
  """

  held: HeldOut
  queries: shortlist.Queries
  scored: answerer.Scored
  mask: masks.Mask


def answered(answering: answerer.Answerer,
             store: stores.FeatureStore) -> HeldOut:
  """The photos of a store that have an answer, without their own rows."""
  return joined([block.held for block in _answered(
      answering, store, task_of(answering, store))])


def task_of(answering: answerer.Answerer,
            store: stores.FeatureStore) -> types.Source:
  """What the photos of a store are; refuses what no answer is made for."""
  task = store.manifest['source']
  if task not in answering.model.tasks:
    raise ValueError(f'{store.path} holds {task} features; this model answers '
                     f'{", ".join(answering.model.tasks)}')
  return task


def calibrated(answering: answerer.Answerer,
               store: stores.FeatureStore) -> calibration.Calibration:
  """What a store's photos say about answers to photos of its source."""
  photos, task = store.photos, task_of(answering, store)
  done = list(measured(answering, store, regression.halves(photos.clusters)))
  held = joined([block.held for block in done])
  fitted = completed(
      calibration.fit(held.signals, held.dist_km, held.clusters), done,
      held.clusters, claim_reader.Reader(answering).known(task))
  if fitted.claims is None:
    print(f'note: {store.path}: too few of its photos can be moved to other '
          f'places of the gallery: no claim of a {task} place can be judged',
          flush=True)
  return fitted


def completed(fitted: calibration.Calibration, done: Sequence[Block],
              clusters: types.Strings,
              known: Float[np.ndarray, 'k']) -> calibration.Calibration:
  """The same with a likelihood, and with what claims are judged by, where the
  photos suffice.

  clusters: the origin of each photo of the blocks.
  """
  columns = np.concatenate([
      block.parts.columns(fitted.heights(block.held.signals))
      for block in done])
  valid = np.concatenate([block.valid for block in done])
  held = [block.held for block in done]
  return dataclasses.replace(
      fitted, claims=claim_calibration.fit(
          columns[:, 0], columns[:, 1:], valid, known, clusters),
      # Blocks of several galleries have lists of several lengths.
      likelihood=likelihood.fit(
          signals_lib.joined([some.signals for some in held]),
          np.concatenate([some.kinds for some in held]), held[0].has_region))


def measured(answering: answerer.Answerer, store: stores.FeatureStore,
             teaching: Bool[np.ndarray, 'n']) -> Iterator[Block]:
  """What the photos of a store that have an answer say about it.

  teaching: photos of which moved places are wanted, too: the half that fits.
  """
  photos, task = store.photos, task_of(answering, store)
  reader = claim_reader.Reader(answering)
  moved = moved_places.at_random(
      moved_places.places_of(answering.opened.gallery, task),
      photos.latlng_deg, photos.ids.tolist(), _NUM_MOVED)
  valid = np.isfinite(moved).all(axis=-1) & teaching[:, None]
  places = np.concatenate([photos.latlng_deg[:, None], moved], axis=1)
  for part in _answered(answering, store, task):
    rows = part.held.rows
    yield Block(part.held, reader.parts(task, part.queries, part.scored, [
        _pools(reader, *some) for some in zip(places[rows], valid[rows])],
                                        part.mask), valid[rows])


def calibration_of(held: HeldOut) -> calibration.Calibration:
  """What answers to photos like these may promise; no claims are judged."""
  return dataclasses.replace(
      calibration.fit(held.signals, held.dist_km, held.clusters),
      likelihood=likelihood.fit(held.signals, held.kinds, held.has_region))


def _answered(answering: answerer.Answerer, store: stores.FeatureStore,
            task: types.Source) -> Iterator[_Answered]:
  """Blocks of photos, answered without their authors and drives."""
  photos = store.photos
  gallery = answering.opened.gallery
  mask = filters.mask(gallery, photos, 'author')
  region = answering.region_ranker(task, mask)
  regions = None if region is None else answering.regions(task, region)
  for at in blocks.slices(len(store), _BLOCK):
    rows = np.arange(at.start, at.stop)
    queries = answering.encode(task, store.rows(rows))
    scored = answering.scored(task, queries, mask.take(at))
    kept = np.flatnonzero(scored.answered)
    rows, scored = rows[kept], scored.take(kept)
    queries, truth = queries.take(kept), photos.latlng_deg[rows]
    scores = np.where(scored.candidates.rows >= 0, scored.candidates.scores,
                      -np.inf).astype(np.float64)
    yield _Answered(HeldOut(
        rows, photos.clusters[rows], truth,
        distance.haversine_km(scored.latlng_deg[:, 0], truth), scored.signals,
        scored.latlng_deg, scores, likelihood.log_kinds(
            scores, scored.latlng_deg, truth,
            None if region is None else regions.log_per_km2(
                region.region_logs(queries), truth)), region is not None),
                 queries, scored, mask.take(rows))


def _pools(reader: claim_reader.Reader, places: Float[np.ndarray, 'm 2'],
           valid: Bool[np.ndarray, '_']) -> list[claim_reader.Pool]:
  """Of the true place, and of each moved one that is valid."""
  true = reader.pool(places[0])
  return [true, *(reader.pool(place) if is_valid else true
                  for place, is_valid in zip(places[1:], valid))]
