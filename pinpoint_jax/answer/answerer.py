"""From features to answers: a model over one open gallery.

  features ─▶ candidates, best first ─┬▶ place, city
                                      ├▶ Signals ─▶ confidence, radius
                                      ├▶ evidence of both sources
                                      └▶ warnings
"""

from collections.abc import Sequence
import dataclasses
import functools
import pathlib

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import calibration as calibrations
from pinpoint_jax.answer import evidence as evidence_lib
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import open_systems, records, stages, systems
from pinpoint_jax.candidates import queries as queries_lib
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import distance, places
from pinpoint_jax.models import encoding
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks, row_sets

# Below this chance of being within 200 km an answer is a guess.
_GUESS_KM, _GUESS_CHANCE = 200, 0.10
# Cosine of the features of one picture, saved twice.
_SAME_PICTURE = 0.9995
_EPS = 1e-8
NO_FEATURE = 'no feature: it is zero, NaN or infinite'


@dataclasses.dataclass(frozen=True)
class Request:
  """What is wanted of the answers.

  Attributes:
    top_k: candidates in each.
    region: that they lie in, as a user writes it; '' is everywhere.
    allowed: its gallery rows; None is all.
    task: of all photos; None lets the router decide.
  """

  top_k: int = 5
  region: str = ''
  allowed: Int[np.ndarray, 'a'] | None = None
  task: str | None = None


@dataclasses.dataclass(frozen=True)
class Scored:
  """Candidates of queries, and what they say about their answers.

  Attributes:
    candidates: best first; a query without any has row -1 first.
    shortlist: where they come from.
    latlng_deg: where the candidates are, anything in padded slots, [b, k, 2].
    signals: for the calibration; anything for a query without candidates.
  """

  candidates: types.Candidates
  shortlist: types.Shortlist
  latlng_deg: Float[np.ndarray, 'b k 2']
  signals: calibrations.Signals

  @property
  def answered(self) -> np.ndarray:
    """Which queries have a candidate, bool [b]."""
    return self.candidates.rows[:, 0] >= 0

  def take(self, queries: Int[np.ndarray, 'n']) -> 'Scored':
    """Those of some queries."""
    some = lambda record: type(record)(*(
        getattr(record, field.name)[queries]
        for field in dataclasses.fields(record)))
    return Scored(some(self.candidates), some(self.shortlist),
                  self.latlng_deg[queries], some(self.signals))


class Answerer:
  """A model over the gallery that its embedder made."""

  def __init__(self, model: models.Model, gallery: str | pathlib.Path,
               search: str = 'exact'):
    """Refuses a gallery of another model; search is in searcher.SEARCHES."""
    self.model = model
    self.opened = open_systems.OpenGallery(model.embedder, gallery, search)
    self._encoder = encoding.Encoder(self.opened.trained.model, encoding.FEW)
    self._by_task: dict[str, systems.Answering] = {}
    self._rankers: dict[str, reranking.Ranker] = {}

  def request(self, top_k: int = 5, region: str | None = None,
              task: str | None = None) -> Request:
    """What a user wants, checked; a region may hold no row."""
    if top_k < 1:
      raise ValueError(f'top_k={top_k}: must be at least 1')
    if task is not None:
      self.system(task)
    return Request(top_k, region or '', self.opened.rows_in(region)
                   if region else None, task)

  def answers(self, task: types.Source, ids: Sequence[str],
              features: Float[np.ndarray, 'b d'],
              request: Request) -> list[records.Answer]:
    """One for each row of features of that task."""
    answers = [without(name, task, NO_FEATURE) for name in ids]
    writer, good = self.writer(task, features, request)
    for i, row in enumerate(good):
      answers[row] = writer.answer(i, ids[row])
    return answers

  def writer(self, task: types.Source, features: Float[np.ndarray, 'b d'],
             request: Request) -> tuple['Writer | None', list[int]]:
    """What writes answers, and of which rows: those with a feature."""
    features = np.asarray(features, np.float32)
    length = np.linalg.norm(features, axis=1)
    good = np.flatnonzero((length > _EPS) & np.isfinite(length))
    if not len(good):
      return None, []
    mask = masks.Mask(row_sets.none(len(good)), self.opened.gallery.removed,
                      request.allowed)
    queries = self.encode(task, features[good])
    return Writer(self, task, queries, mask, self.scored(task, queries, mask),
                  request), good.tolist()

  def encode(self, task: types.Source,
             features: Float[np.ndarray, 'b d']) -> shortlist.Queries:
    """Features of photos of one task as vectors that search the gallery."""
    unknown = np.full(len(features), '', np.str_)
    about = types.Photos(unknown, np.zeros((len(features), 2)), unknown,
                         unknown, task)
    return queries_lib.encode(
        self.opened.trained, self._encoder, about, features,
        'raw' in self.opened.searcher.channels)

  def scored(self, task: types.Source, queries: shortlist.Queries,
             mask: masks.Mask) -> Scored:
    """Candidates of those queries under their mask."""
    answering = self._answering(task).prepared(mask)
    candidates, proposed = answering.ranked(self.system(task), queries, mask)
    latlng_deg = self.opened.gallery.latlng_deg[np.maximum(candidates.rows, 0)]
    real = candidates.rows[:, :1] >= 0
    signals = calibrations.signals(
        np.where(real, candidates.scores, 0.), latlng_deg, latlng_deg[:, 0],
        self.evidence.alike(queries, candidates.rows))
    return Scored(candidates, proposed, latlng_deg, signals)

  def region_ranker(self, task: types.Source,
                    mask: masks.Mask) -> reranking.Ranker | None:
    """The task's reranker, if it has a region prior, for queries of a mask."""
    trained = self.model.rerankers.get(task)
    if trained is None or 'region' not in trained.priors:
      return None
    self._answering(task)
    return self._rankers[task].prepared(mask)

  def system(self, task: str) -> str:
    """What chooses the place, as results.json calls it."""
    if task not in self.model.tasks:
      raise ValueError(f'task {task!r}: this model answers '
                       f'{", ".join(self.model.tasks)}')
    trained = self.model.rerankers.get(task)
    return 'retrieval' if trained is None else open_systems.system_of(trained)

  @functools.cached_property
  def evidence(self) -> evidence_lib.Finder:
    """What finds the photos that speak for an answer."""
    return evidence_lib.Finder(self.opened.searcher, self.opened.reader)

  def _answering(self, task: types.Source) -> systems.Answering:
    if task not in self._by_task:
      name = self.system(task)
      if trained := self.model.rerankers.get(task):
        ranker = reranking.Ranker(self.opened.reader, trained,
                                  self.opened.refits)
        self._rankers[task] = ranker
        stage = stages.Stage(ranker.sizes, ranker)
      else:
        fused = self.model.retrieval[task]
        stage = stages.Stage(fused.sizes, stages.Fused(fused.weights))
      self._by_task[task] = systems.Answering(
          self.opened.searcher, {}, {name: stage}, reader=self.opened.reader,
          task=task)
    return self._by_task[task]


@dataclasses.dataclass(frozen=True)
class Writer:
  """Writes the answers of queries that were scored together."""

  answerer: Answerer
  task: types.Source
  queries: shortlist.Queries
  mask: masks.Mask
  scored: Scored
  request: Request

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
    return records.Answer(
        name, place, self.task, self.answerer.system(self.task),
        {} if chances is None else dict(zip(
            calibrations.THRESHOLDS_KM, chances.tolist())),
        None if chances is None else self._calibration.reach(chances),
        self._candidates(i), self.answerer.evidence.of(
            self.queries.take(slice(i, i + 1)),
            int(self.scored.candidates.rows[i, 0]),
            self.scored.candidates.rows[i], self.mask.take(slice(i, i + 1))),
        nearest_place(place), tuple(self._warnings(i, chances)))

  @functools.cached_property
  def _calibration(self) -> calibrations.Calibration | None:
    return self.answerer.model.calibration.get(self.task)

  @functools.cached_property
  def _chances(self) -> Float[np.ndarray, 'b 5']:
    return self._calibration.chances(self.scored.signals)

  @functools.cached_property
  def _unlike(self) -> np.ndarray:
    return self._calibration.is_unlike(self.scored.signals)

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
    if chances[calibrations.THRESHOLDS_KM.index(_GUESS_KM)] < _GUESS_CHANCE:
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
