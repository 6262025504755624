"""From queries to the answer of every system: one way, for all who ask.

  searches ─┬▶ each channel's own list ───────────▶ raw_1nn, *_top1
            └▶ shortlist (union) ─▶ stage's scores ─▶ retrieval, light, full
                                 ├▶ without its network ─▶ linear
                                 └▶ nearest to the truth ─▶ oracle@N
  a list, best first ─▶ argmax | expected_score ─▶ one place

A query with no gallery row left has row -1 and no place; who asks decides.
"""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import fusion, inputs
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks

# Systems that answer from one channel's list.
OF_CHANNEL = {'raw_1nn': 'raw', 'image_top1': 'image',
              'location_top1': 'location'}
ORACLE = 'oracle'
# The best reranker, and what its score is without the network.
FULL, LINEAR = 'full', 'linear'


@runtime_checkable
class Scorer(Protocol):
  """What chooses among a shortlist: a reranker, or fusion."""

  def prepared(self, mask: masks.Mask) -> 'Scorer':
    """What scores queries under that mask, which is of all of them."""

  def scores(self, queries: shortlist.Queries, context: inputs.Context,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    """Log-odds of each candidate, up to a constant; -inf in padded slots."""


@dataclasses.dataclass(frozen=True)
class Fused:
  """`retrieval`: the weighted sum of the similarities.

  Attributes:
    weights: of the channels.
    origin: the reranker that they belong to; '' where they were given.
  """

  weights: fusion.Fusion
  origin: str = ''

  def prepared(self, mask: masks.Mask) -> 'Fused':
    """Itself: weights know no row."""
    del mask
    return self

  def scores(self, queries: shortlist.Queries, context: inputs.Context,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    """The fused logits; the shortlist says all that they need."""
    del queries, mask
    return self.weights.logits(context.shortlist)


@dataclasses.dataclass(frozen=True)
class Channel:
  """A system that answers from one channel's list.

  Attributes:
    size: candidates in the list.
    temperature: similarities times this are log-odds.
  """

  size: int
  temperature: float | int

  def __post_init__(self):
    if self.size < 1 or not 0 < self.temperature < np.inf:
      raise ValueError(f'{self}: size is at least 1, temperature above 0')


@dataclasses.dataclass(frozen=True)
class Stage:
  """A system that chooses among a shortlist.

  Attributes:
    sizes: of the shortlist.
    scorer: what chooses.
  """

  sizes: shortlist.Sizes
  scorer: Scorer

  @property
  def list_key(self) -> tuple[shortlist.Sizes, str]:
    """Tells its shortlist from those of other stages."""
    return self.sizes, (self.scorer.order if isinstance(
        self.scorer, reranking.Ranker) else '')

  def depths(self) -> dict[str, int]:
    """How long the lists must be that its shortlist is taken from."""
    if isinstance(self.scorer, reranking.Ranker):
      return self.scorer.depths()
    return self.sizes.by_channel()

  def ordered(self, lists: Mapping[str, types.Candidates],
              queries: shortlist.Queries) -> Mapping[str, types.Candidates]:
    """The lists in the order in which candidates are taken."""
    if isinstance(self.scorer, reranking.Ranker):
      return self.scorer.ordered(lists, queries)
    return lists


@dataclasses.dataclass(frozen=True)
class NetworkEffect:
  """What a network does to each answer.

  Attributes:
    changed: whether the answer is another one than without it.
    share: of the variance of the scores within the list, network against
      linear part; 1 where there is no linear part.
  """

  changed: Bool[np.ndarray, 'b']
  share: Float[np.ndarray, 'b']


@dataclasses.dataclass(frozen=True)
class Answers:
  """One place per query.

  Attributes:
    rows: the chosen gallery row, -1 where no row was left, [b].
    latlng_deg: the place; NaN where no row was left, [b, 2].
    effect: of the network, None for a system without one.
  """

  rows: Int[np.ndarray, 'b']
  latlng_deg: Float[np.ndarray, 'b 2']
  effect: NetworkEffect | None = None

  @property
  def missing(self) -> Bool[np.ndarray, 'b']:
    """Which queries have no answer."""
    return self.rows < 0


@dataclasses.dataclass(frozen=True)
class _Listed:
  """Candidates of one system, and of the same without its network.

  Attributes:
    candidates: best first.
    linear: the same by the linear part alone; None without a network.
    share: as NetworkEffect has it.
  """

  candidates: types.Candidates
  linear: types.Candidates | None = None
  share: Float[np.ndarray, 'b'] | None = None


class Answering:
  """Every system over one open gallery."""

  def __init__(self, searcher: search.Searcher,
               channels: Mapping[str, Channel],
               stages: Mapping[str, Stage],
               bounded: Iterable[shortlist.Sizes] = (),
               reader: inputs.Reader | None = None,
               task: types.Source = 'photo', best: str = '',
               wanted: Sequence[str] = ()):
    """channels by name in OF_CHANNEL; stages by any name.

    bounded: shortlists that an oracle shows the best of.
    reader: of the searcher's gallery, for stages that are rerankers.
    task: the source of the queries.
    best: the reranker that is `full` too, and whose linear part is `linear`.
    wanted: systems that answer; none named is all.
    """
    self._reader, self._task, self._best = reader, task, best
    self._wanted = tuple(wanted)
    unknown = set(channels) - set(OF_CHANNEL)
    if unknown:
      raise ValueError(f'channels {sorted(unknown)}: choices are '
                       f'{sorted(OF_CHANNEL)}')
    self._searcher, self._oracles = searcher, oracles(bounded)
    self._channels, self._stages = dict(channels), dict(stages)
    rerankers = [name for name, stage in self._stages.items()
                 if isinstance(stage.scorer, reranking.Ranker)]
    if rerankers and reader is None:
      raise ValueError(f'the rerankers {rerankers} need a reader')
    if best and best not in rerankers:
      raise ValueError(f'best={best!r}: choices are {rerankers}')

  @property
  def systems(self) -> tuple[str, ...]:
    """Names of what answers; an oracle's has the list that it bounds."""
    both = (FULL, LINEAR) if self._best else ()
    return tuple(filter(self._answers_as, (
        *self._channels, *self._stages, *both, *self._oracles,
        *self._own_oracle())))

  def _own_oracle(self) -> list[str]:
    """The oracle of the best reranker's list, where that has another order."""
    if not self._best or not self._stages[self._best].list_key[1]:
      return []
    total = self._stages[self._best].sizes.total
    return [f'{ORACLE}@{total} by region']

  def _answers_as(self, name: str) -> bool:
    return not self._wanted or name.partition('@')[0] in self._wanted

  @property
  def weights(self) -> dict[str, dict[str, Any]]:
    """The channels' weights of each fused system, and whose they are."""
    return {name: {'of': stage.scorer.origin or 'given',
                   **stage.scorer.weights.as_dict()}
            for name, stage in self._stages.items()
            if isinstance(stage.scorer, Fused)}

  def prepared(self, mask: masks.Mask) -> 'Answering':
    """One for queries under that mask, which is of all of them at once."""
    return Answering(
        self._searcher, self._channels,
        {name: dataclasses.replace(stage, scorer=stage.scorer.prepared(mask))
         for name, stage in self._stages.items()}, self._oracles.values(),
        self._reader, self._task, self._best, self._wanted)

  def candidates(
      self, queries: shortlist.Queries, mask: masks.Mask,
      truth_deg: Float[np.ndarray, 'b 2'] | None = None,
      searched: masks.Mask | None = None) -> dict[str, types.Candidates]:
    """Each system's candidates, best first; scores are log-odds.

    searched: a narrower mask of what may be a candidate; support and counts go
    by `mask`.

    An oracle needs the truth; its scores are kilometres below 0.
    """
    return {name: listed.candidates for name, listed in self._listed(
        queries, mask, truth_deg, searched).items()}

  def _listed(self, queries: shortlist.Queries, mask: masks.Mask,
              truth_deg: np.ndarray | None,
              searched: masks.Mask | None) -> dict[str, _Listed]:
    lists = self._searcher.lists(queries, self._depths(), searched or mask)
    by_system = {name: _Listed(types.Candidates(
        lists[OF_CHANNEL[name]].rows[:, :channel.size],
        np.float32(channel.temperature) *
        lists[OF_CHANNEL[name]].scores[:, :channel.size]))
                 for name, channel in self._channels.items()}
    contexts = {key: self._context(queries, self._searcher.union(
        stages[0].ordered(lists, queries), queries, stages[0].sizes), mask,
                                   stages)
                for key, stages in self._by_list().items()}
    for name, stage in self._stages.items():
      by_system[name] = _ranked_stage(
          stage, queries, contexts[stage.list_key], mask)
    if self._best:
      full = by_system[FULL] = by_system[self._best]
      by_system[LINEAR] = _Listed(full.linear)
    if truth_deg is not None:
      for name, sizes in self._oracles.items():
        plain = contexts.get((sizes, ''))
        rows = (plain.shortlist if plain else
                self._searcher.union(lists, queries, sizes)).rows
        by_system[name] = _Listed(nearest(rows, self._places(rows), truth_deg))
      for name in self._own_oracle():
        rows = contexts[self._stages[self._best].list_key].shortlist.rows
        by_system[name] = _Listed(nearest(rows, self._places(rows), truth_deg))
    return {name: by_system[name] for name in by_system
            if self._answers_as(name)}

  def _by_list(self) -> dict[tuple[shortlist.Sizes, str], list[Stage]]:
    grouped: dict[tuple[shortlist.Sizes, str], list[Stage]] = {}
    for stage in self._stages.values():
      grouped.setdefault(stage.list_key, []).append(stage)
    return grouped

  def proposed(self, name: str, queries: shortlist.Queries,
               mask: masks.Mask) -> types.Shortlist:
    """The candidates that a stage chooses among."""
    stage = self._stages[name]
    lists = self._searcher.lists(queries, stage.depths(), mask)
    return self._searcher.union(
        stage.ordered(lists, queries), queries, stage.sizes)

  def _context(self, queries: shortlist.Queries, among: types.Shortlist,
               mask: masks.Mask, stages: Iterable[Stage]) -> inputs.Context:
    """What all stages of one shortlist read, once."""
    rerankers = [stage.scorer for stage in stages
                 if isinstance(stage.scorer, reranking.Ranker)]
    if not rerankers:
      nothing = np.zeros((*among.rows.shape, 2, 2), np.int32)
      return inputs.Context(among, nothing)
    return self._reader.context(
        queries, among, self._task, mask,
        any(ranker.reads_nearby for ranker in rerankers),
        any(ranker.reads_hubness for ranker in rerankers))

  def answer(
      self, queries: shortlist.Queries, mask: masks.Mask,
      truth_deg: Float[np.ndarray, 'b 2'] | None = None,
      interpolate: bool = False,
      searched: masks.Mask | None = None) -> dict[tuple[str, str], Answers]:
    """Answers by system and decoding; an oracle has argmax alone."""
    answers = {}
    for name, listed in self._listed(
        queries, mask, truth_deg, searched).items():
      bound = name in self._oracles or name in self._own_oracle()
      for decode in decoding.NAMES[:1] if bound else decoding.NAMES:
        answers[name, decode] = self._answers(
            listed, decode, interpolate and not bound)
    return answers

  def _answers(self, listed: _Listed, decode: str,
               interpolate: bool) -> Answers:
    answers = self._decoded(listed.candidates, decode, interpolate)
    if listed.linear is None or listed.share is None:
      return answers
    without = self._decoded(listed.linear, decode, False)
    return dataclasses.replace(answers, effect=NetworkEffect(
        answers.rows != without.rows, listed.share))

  def _depths(self) -> dict[str, int]:
    """Each channel once, as deep as the deepest system looks."""
    depths = dict.fromkeys(types.CHANNELS, 0)
    for name, channel in self._channels.items():
      depths[OF_CHANNEL[name]] = channel.size
    for some in (*(stage.depths() for stage in self._stages.values()),
                 *(sizes.by_channel() for sizes in self._oracles.values())):
      for name, size in some.items():
        depths[name] = max(depths[name], size)
    return depths

  def _decoded(self, listed: types.Candidates, decode: str,
               interpolate: bool) -> Answers:
    if listed.rows.shape[1] == 0:
      raise ValueError('a list of candidates has no slots')
    rows = np.full(len(listed.rows), -1, np.int64)
    places = np.full((len(rows), 2), np.nan)
    # Best first: without a first candidate there is none.
    real = np.flatnonzero(listed.rows[:, 0] >= 0)
    scores, near = listed.scores[real], self._places(listed.rows[real])
    chosen = (decoding.argmax(scores) if decode == 'argmax' else
              decoding.expected_score(scores, near))
    rows[real] = listed.rows[real, chosen]
    places[real] = (decoding.interpolated(scores, near, chosen) if interpolate
                    else near[np.arange(len(real)), chosen])
    return Answers(rows, places)

  def _places(self, rows: Int[np.ndarray, 'b k']) -> Float[
      np.ndarray, 'b k 2']:
    return self._searcher.gallery.latlng_deg[np.maximum(rows, 0)]


def _ranked_stage(stage: Stage, queries: shortlist.Queries,
                  context: inputs.Context, mask: masks.Mask) -> _Listed:
  """The candidates by a stage's scores, and without its network."""
  rows, scorer = context.shortlist.rows, stage.scorer
  if not isinstance(scorer, reranking.Ranker):
    return _Listed(ranked(rows, scorer.scores(queries, context, mask)))
  linear, network = scorer.parts(queries, context, mask)
  share = (variance_share(linear, network, context.valid)
           if scorer.has_linear_part else np.ones(len(rows)))
  return _Listed(
      ranked(rows, linear + network),
      ranked(rows, linear if scorer.has_linear_part else
             scorer.fused.logits(context.shortlist)), share)


def variance_share(linear: Float[np.ndarray, 'b k'],
                   network: Float[np.ndarray, 'b k'],
                   valid: Bool[np.ndarray, 'b k']) -> Float[np.ndarray, 'b']:
  """The network's share of both variances within each list; 0 where none."""
  spread = []
  for part in (network, linear):
    values = np.where(valid, part, 0.).astype(np.float64)
    num = np.maximum(valid.sum(axis=1), 1)
    mean = values.sum(axis=1) / num
    spread.append((np.where(valid, values - mean[:, None], 0.)**2).sum(
        axis=1) / num)
  total = spread[0] + spread[1]
  return np.where(total > 0, spread[0] / np.where(total > 0, total, 1.), 0.)


def oracles(sizes: Iterable[shortlist.Sizes]) -> dict[str, shortlist.Sizes]:
  """Names of the oracles, one for each distinct shortlist: oracle@12.

  Lists of one length but of other channels are told apart: oracle@8+2+2.
  """
  distinct = tuple(dict.fromkeys(sizes))
  totals = [some.total for some in distinct]
  return {f'{ORACLE}@' + (
      str(some.total) if totals.count(some.total) == 1 else
      f'{some.image}+{some.location}+{some.raw}'): some for some in distinct}


def ranked(rows: Int[np.ndarray, 'b k'],
           scores: Float[np.ndarray, 'b k']) -> types.Candidates:
  """Candidates by score, best first; equals keep their order, pads go last."""
  bad = (rows >= 0) & ~np.isfinite(scores)
  if bad.any():
    raise ValueError(f'{bad.sum()} candidates have a score that is not finite, '
                     f'first of query {np.flatnonzero(bad.any(axis=1))[0]}')
  scores = np.where(rows >= 0, scores, -np.inf).astype(np.float32)
  order = np.argsort(-scores, axis=1, kind='stable')
  return types.Candidates(np.take_along_axis(rows, order, axis=1),
                          np.take_along_axis(scores, order, axis=1))


def nearest(rows: Int[np.ndarray, 'b k'], places: Float[np.ndarray, 'b k 2'],
            truth_deg: Float[np.ndarray, 'b 2']) -> types.Candidates:
  """Candidates by their distance from the truth."""
  return ranked(rows, -distance.haversine_km(places, truth_deg[:, None]))
