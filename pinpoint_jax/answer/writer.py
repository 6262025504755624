"""From candidates of photos to their answers, as users are given them.

  candidates, best first ─┬▶ place, city
                          ├▶ Signals ─▶ confidence, radius, density
                          ├▶ evidence of both sources
                          └▶ warnings
"""

from collections.abc import Sequence
import dataclasses
import functools

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import answerer as answerers
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import density as densities
from pinpoint_jax.answer import likelihood, records
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import distance, places
from pinpoint_jax.search import masks, row_sets

# Below this chance of being within 200 km an answer is a guess.
_GUESS_KM, _GUESS_CHANCE = 200, 0.10
# Cosine of the features of one picture, saved twice.
_SAME_PICTURE = 0.9995
_EPS = 1e-8
NO_FEATURE = 'no feature: it is zero, NaN or infinite'


def answers(answerer: answerers.Answerer, task: types.Source,
            ids: Sequence[str], features: Float[np.ndarray, 'b d'],
            request: answerers.Request) -> list[records.Answer]:
  """One for each row of features of that task."""
  written = [without(name, task, NO_FEATURE) for name in ids]
  writer, good = of_features(answerer, task, features, request)
  for i, row in enumerate(good):
    written[row] = writer.answer(i, ids[row])
  return written


def of_features(answerer: answerers.Answerer, task: types.Source,
                features: Float[np.ndarray, 'b d'],
                request: answerers.Request) -> tuple['Writer | None',
                                                     list[int]]:
  """What writes answers, and of which rows: those with a feature."""
  features = np.asarray(features, np.float32)
  length = np.linalg.norm(features, axis=1)
  good = np.flatnonzero((length > _EPS) & np.isfinite(length))
  if not len(good):
    return None, []
  mask = masks.Mask(row_sets.none(len(good)), answerer.opened.gallery.removed,
                    request.allowed)
  queries = answerer.encode(task, features[good])
  scored = answerer.scored(task, queries, mask)
  return Writer(answerer, task, queries, mask, scored, request), good.tolist()


@dataclasses.dataclass(frozen=True)
class Writer:
  """Writes the answers of queries that were scored together."""

  answerer: answerers.Answerer
  task: types.Source
  queries: shortlist.Queries
  mask: masks.Mask
  scored: answerers.Scored
  request: answerers.Request

  def take(self, i: int) -> 'Writer':
    """What writes the answer to query number i alone."""
    return dataclasses.replace(
        self, queries=self.queries.take(slice(i, i + 1)),
        mask=self.mask.take(slice(i, i + 1)),
        scored=self.scored.take(np.asarray([i])))

  def answer(self, i: int, name: str) -> records.Answer:
    """The answer to query number i."""
    if not self.scored.answered[i]:
      where = (f'region {self.request.region!r}' if self.request.region else
               'the gallery')
      return without(name, self.task, f'no answer: {where} holds no photo')
    place = tuple(self.scored.latlng_deg[i, 0].tolist())
    chances = self._chances[i] if self._calibration else None
    sure = {} if chances is None else dict(zip(
        signals_lib.THRESHOLDS_KM, chances.tolist()))
    threshold = self.request.threshold
    return records.Answer(
        name, place, self.task, self.answerer.system(self.task), sure,
        None if chances is None else self._calibration.reach(
            self._heights[i]),
        self._candidates(i), self.answerer.evidence.of(
            self.queries.take(slice(i, i + 1)),
            int(self.scored.candidates.rows[i, 0]),
            self.scored.candidates.rows[i], self.mask.take(slice(i, i + 1))),
        nearest_place(place), tuple(self._warnings(i, chances)),
        density=self._density(i),
        abstained=threshold and threshold.reason(sure, self.task))

  @functools.cached_property
  def _calibration(self) -> calibrations.Calibration | None:
    return self.answerer.model.calibration.get(self.task)

  @functools.cached_property
  def _chances(self) -> Float[np.ndarray, 'b 5']:
    return self._calibration.chances(self.scored.signals)

  @functools.cached_property
  def _heights(self) -> Float[np.ndarray, 'b 5']:
    return self._calibration.heights(self.scored.signals)

  @functools.cached_property
  def _unlike(self) -> np.ndarray:
    return self._calibration.is_unlike(self.scored.signals)

  def _density(self, i: int) -> densities.Density | None:
    known = self._calibration and self._calibration.likelihood
    if not known:
      return None
    regions, logs = self._region
    scored = self.scored
    real = scored.candidates.rows[i] >= 0
    return known.density(
        self._log_shares[i], np.where(real, scored.candidates.scores[
            i], -np.inf).astype(np.float64), scored.latlng_deg[i], regions,
        None if logs is None else logs[i])

  @functools.cached_property
  def _log_shares(self) -> Float[np.ndarray, 'b kinds']:
    return self._calibration.likelihood.log_shares(self.scored.signals)

  @functools.cached_property
  def _region(self) -> tuple[likelihood.Regions | None,
                             Float[np.ndarray, 'b c'] | None]:
    """Cells of the region prior, and log P of each for each query."""
    ranker = self.answerer.region_ranker(self.task, self.mask)
    if ranker is None:
      return None, None
    return (self.answerer.regions(self.task, ranker),
            ranker.region_logs(self.queries))

  def _candidates(self, i: int) -> tuple[records.Candidate, ...]:
    gallery, scored = self.answerer.opened.gallery, self.scored
    rows = scored.candidates.rows[i]
    rows = rows[rows >= 0]
    scores = scored.candidates.scores[i, :len(rows)].astype(np.float64)
    weights = np.exp(scores - scores[0])
    shares = weights / weights.sum()
    names = gallery.ids(rows[:self.request.top_k]).tolist()
    return tuple(records.Candidate(
        name, types.SOURCES[gallery.source[rows[k]]],
        tuple(scored.latlng_deg[i, k].tolist()),
        self._channels(i, int(rows[k])), float(scores[k]), float(shares[k]))
                 for k, name in enumerate(names))

  def _channels(self, i: int, row: int) -> tuple[str, ...]:
    slot = int(np.flatnonzero(self.scored.shortlist.rows[i] == row)[0])
    ranks = self.scored.shortlist.ranks[i, slot].tolist()
    return tuple(name for name, rank in zip(types.CHANNELS, ranks)
                 if rank >= 0)

  def _warnings(self, i: int, chances: np.ndarray | None) -> list[str]:
    texts = []
    if self.scored.signals.alike[i] >= _SAME_PICTURE:
      texts.append('in the gallery: this very picture is there, and its own '
                   'place may be the answer')
    if chances is None:
      return [*texts, 'not calibrated: this model says nothing of its '
                      'confidence']
    if chances[signals_lib.THRESHOLDS_KM.index(_GUESS_KM)] < _GUESS_CHANCE:
      texts.append(f'no evidence of place: within {_GUESS_KM} km in less than '
                   f'{_GUESS_CHANCE:.0%} of such cases')
    if self._unlike[i]:
      texts.append('outside the gallery\'s reach: nothing in the gallery looks '
                   'like it')
    if self.request.region:
      texts.append('in a region: confidence and radius were calibrated for '
                   'answers anywhere')
    return texts


def without(name: str, task: str, reason: str) -> records.Answer:
  """The answer to a photo that has none."""
  return records.Answer(name, None, task, '', {}, None, (), (), None,
                        (reason,))


def nearest_place(latlng_deg: tuple[float, float]) -> records.Place:
  """The city nearest to a place."""
  where = np.asarray([latlng_deg])
  cities = places.load_cities().take(places.nearest(where))
  return records.Place(
      str(cities.names[0]), str(cities.admin1[0]), str(cities.countries[0]),
      float(distance.haversine_km(where, cities.latlng_deg)[0]))
