"""Photos of known place, answered as a stranger's: what calibrates a model.

  store ─▶ candidates without its authors and drives ─▶ Signals, errors in km
        ─▶ Calibration
        ─▶ how their true places fit, and places moved from there
        ─▶ ClaimCalibration
"""

from collections.abc import Iterator, Sequence
import dataclasses

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.answer import (
  answerer,
  calibration,
  claim_calibration,
  claim_columns,
  claim_reader,
  moved_places,
  regression,
)
from pinpoint_jax.candidates import filters
from pinpoint_jax.features import store as stores
from pinpoint_jax.geo import distance

# Photos whose candidates are in memory at a time.
_BLOCK = 256
# Places that each photo is moved to, to learn what a false claim looks like.
_NUM_MOVED = 2


@dataclasses.dataclass(frozen=True)
class Block:
  """Photos that have an answer.

  Attributes:
    rows: of the store.
    signals: of their answers.
    dist_km: from their answers to the truth.
    parts: of their true places, then of places moved from there.
    valid: which of the moved places are there.
  """

  rows: Int[np.ndarray, 'b']
  signals: calibration.Signals
  dist_km: Float[np.ndarray, 'b']
  parts: claim_columns.Parts
  valid: Bool[np.ndarray, 'b m']


def calibrated(answering: answerer.Answerer,
               store: stores.FeatureStore) -> calibration.Calibration:
  """What a store's photos say about answers to photos of its source."""
  photos, task = store.photos, store.manifest['source']
  if task not in answering.model.tasks:
    raise ValueError(f'{store.path} holds {task} features; this model answers '
                     f'{", ".join(answering.model.tasks)}')
  done = list(measured(answering, store, regression.halves(photos.clusters)))
  rows, dist_km = (np.concatenate([getattr(block, name) for block in done])
                   for name in ('rows', 'dist_km'))
  signals = calibration.Signals(*(np.concatenate([
      getattr(block.signals, name) for block in done])
                                  for name in ('near', 'alike')))
  clusters = photos.clusters[rows]
  fitted = with_claims(
      calibration.fit(signals, dist_km, clusters), done, clusters,
      claim_reader.Reader(answering).known(task))
  if fitted.claims is None:
    print(f'note: {store.path}: too few of its photos can be moved to other '
          f'places of the gallery: no claim of a {task} place can be judged',
          flush=True)
  return fitted


def with_claims(fitted: calibration.Calibration, done: Sequence[Block],
                clusters: types.Strings,
                known: Float[np.ndarray, 'k']) -> calibration.Calibration:
  """The same, with what claims are judged by, where the photos suffice.

  clusters: the origin of each photo of the blocks.
  """
  columns = np.concatenate([block.parts.columns(fitted.chances(block.signals))
                            for block in done])
  valid = np.concatenate([block.valid for block in done])
  return dataclasses.replace(fitted, claims=claim_calibration.fit(
      columns[:, 0], columns[:, 1:], valid, known, clusters))


def measured(answering: answerer.Answerer, store: stores.FeatureStore,
             teaching: Bool[np.ndarray, 'n']) -> Iterator[Block]:
  """What the photos of a store that have an answer say about it.

  teaching: photos of which moved places are wanted, too: the half that fits.
  """
  gallery, photos = answering.opened.gallery, store.photos
  task, reader = store.manifest['source'], claim_reader.Reader(answering)
  mask = filters.mask(gallery, photos, 'author')
  moved = moved_places.at_random(
      moved_places.places_of(gallery, task), photos.latlng_deg,
      photos.ids.tolist(), _NUM_MOVED)
  valid = np.isfinite(moved).all(axis=-1) & teaching[:, None]
  places = np.concatenate([photos.latlng_deg[:, None], moved], axis=1)
  for at in blocks.slices(len(store), _BLOCK):
    rows = np.arange(at.start, at.stop)
    queries = answering.encode(task, store.rows(rows))
    scored = answering.scored(task, queries, mask.take(at))
    kept = np.flatnonzero(scored.answered)
    rows, scored = rows[kept], scored.take(kept)
    yield Block(
        rows, scored.signals, distance.haversine_km(
            scored.latlng_deg[:, 0], photos.latlng_deg[rows]),
        reader.parts(task, queries.take(kept), scored, [
            _pools(reader, *some) for some in zip(places[rows], valid[rows])],
                     mask.take(rows)), valid[rows])


def _pools(reader: claim_reader.Reader, places: Float[np.ndarray, 'm 2'],
           valid: Bool[np.ndarray, '_']) -> list[claim_reader.Pool]:
  """Of the true place, and of each moved one that is valid."""
  true = reader.pool(places[0])
  return [true, *(reader.pool(place) if is_valid else true
                  for place, is_valid in zip(places[1:], valid))]
