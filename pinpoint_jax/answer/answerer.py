"""From features to answers: a model over one open gallery.

  features ─▶ candidates, best first, and Signals; writer.py makes answers of it
"""

import dataclasses
import functools
import pathlib

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import (
  abstention,
  likelihood,
  open_systems,
  stages,
  systems,
)
from pinpoint_jax.answer import evidence as evidence_lib
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import signals as signals_lib
from pinpoint_jax.candidates import queries as queries_lib
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.models import encoding
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks


@dataclasses.dataclass(frozen=True)
class Request:
  """What is wanted of the answers.

  Attributes:
    top_k: candidates in each.
    region: that they lie in, as a user writes it; '' is everywhere.
    allowed: its gallery rows; None is all.
    task: of all photos; None lets the router decide.
    threshold: how sure an answer has to be to count; None is never asked.
  """

  top_k: int = 5
  region: str = ''
  allowed: Int[np.ndarray, 'a'] | None = None
  task: str | None = None
  threshold: abstention.Threshold | None = None


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
  signals: signals_lib.Signals

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
    self._regions: dict[str, tuple[
        reranking.Ranker, likelihood.Regions]] = {}

  def request(self, top_k: int = 5, region: str | None = None,
              task: str | None = None, abstain: str = '') -> Request:
    """What a user wants, checked; a region may hold no row."""
    if top_k < 1:
      raise ValueError(f'top_k={top_k}: must be at least 1')
    if task is not None:
      self.system(task)
    return Request(top_k, region or '', self.opened.rows_in(region)
                   if region else None, task, abstention.parse(abstain))

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
    signals = signals_lib.of(
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

  def regions(self, task: types.Source,
              ranker: reranking.Ranker) -> likelihood.Regions:
    """The cells of a task's region ranker, as kernels around gallery rows."""
    before = self._regions.get(task)
    if before is None or before[0] is not ranker:
      self._regions[task] = before = ranker, likelihood.regions_of(
          ranker, self.opened.gallery.latlng_deg)
    return before[1]

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
