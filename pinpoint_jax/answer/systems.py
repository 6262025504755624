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
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding
from pinpoint_jax.answer import stages as stage_lib
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import inputs
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks

# Systems that answer from one channel's list.
OF_CHANNEL = {'raw_1nn': 'raw', 'image_top1': 'image',
              'location_top1': 'location'}
ORACLE = 'oracle'
# The best reranker, and what its score is without the network.
FULL, LINEAR = 'full', 'linear'


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


class Answering:
  """Every system over one open gallery."""

  def __init__(self, searcher: search.Searcher,
               channels: Mapping[str, stage_lib.Channel],
               stages: Mapping[str, stage_lib.Stage],
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
            if isinstance(stage.scorer, stage_lib.Fused)}

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
              searched: masks.Mask | None) -> dict[str, stage_lib.Listed]:
    lists = self._searcher.lists(queries, self._depths(), searched or mask)
    by_system = {name: stage_lib.Listed(types.Candidates(
        lists[OF_CHANNEL[name]].rows[:, :channel.size],
        np.float32(channel.temperature) *
        lists[OF_CHANNEL[name]].scores[:, :channel.size]))
                 for name, channel in self._channels.items()}
    contexts = {key: self._context(lists, queries, mask, sharing)
                for key, sharing in self._by_list().items()}
    for name, stage in self._stages.items():
      by_system[name] = stage_lib.ranked_by(
          stage, queries, contexts[stage.list_key], mask)
    if self._best:
      full = by_system[FULL] = by_system[self._best]
      by_system[LINEAR] = stage_lib.Listed(full.linear)
    if truth_deg is not None:
      for name, sizes in self._oracles.items():
        plain = contexts.get((sizes, ''))
        rows = (plain.shortlist if plain else
                self._searcher.union(lists, queries, sizes)).rows
        by_system[name] = self._bound(rows, truth_deg)
      for name in self._own_oracle():
        rows = contexts[self._stages[self._best].list_key].shortlist.rows
        by_system[name] = self._bound(rows, truth_deg)
    return {name: by_system[name] for name in by_system
            if self._answers_as(name)}

  def _by_list(self) -> dict[tuple[shortlist.Sizes, str],
                             list[stage_lib.Stage]]:
    grouped: dict[tuple[shortlist.Sizes, str], list[stage_lib.Stage]] = {}
    for stage in self._stages.values():
      grouped.setdefault(stage.list_key, []).append(stage)
    return grouped

  def ranked(self, name: str, queries: shortlist.Queries, mask: masks.Mask,
             ) -> tuple[types.Candidates, types.Shortlist]:
    """A stage's candidates, best first, and the shortlist they come from."""
    stage = self._stages[name]
    lists = self._searcher.lists(queries, stage.depths(), mask)
    context = self._context(lists, queries, mask, [stage])
    return (stage_lib.ranked_by(stage, queries, context, mask).candidates,
            context.shortlist)

  def proposed(self, name: str, queries: shortlist.Queries,
               mask: masks.Mask) -> types.Shortlist:
    """The candidates that a stage chooses among."""
    stage = self._stages[name]
    lists = self._searcher.lists(queries, stage.depths(), mask)
    return self._searcher.union(
        stage.ordered(lists, queries), queries, stage.sizes)

  def _bound(self, rows: Int[np.ndarray, 'b k'],
             truth_deg: Float[np.ndarray, 'b 2']) -> stage_lib.Listed:
    return stage_lib.Listed(nearest(rows, self._places(rows), truth_deg))

  def _context(self, lists: Mapping[str, types.Candidates],
               queries: shortlist.Queries, mask: masks.Mask,
               sharing: Sequence[stage_lib.Stage]) -> inputs.Context:
    """What all stages of one shortlist read, once."""
    first = sharing[0]
    among = self._searcher.union(
        first.ordered(lists, queries), queries, first.sizes)
    rerankers = [stage.scorer for stage in sharing
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

  def _answers(self, listed: stage_lib.Listed, decode: str,
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


def oracles(sizes: Iterable[shortlist.Sizes]) -> dict[str, shortlist.Sizes]:
  """Names of the oracles, one for each distinct shortlist: oracle@12.

  Lists of one length but of other channels are told apart: oracle@8+2+2.
  """
  distinct = tuple(dict.fromkeys(sizes))
  totals = [some.total for some in distinct]
  return {f'{ORACLE}@' + (
      str(some.total) if totals.count(some.total) == 1 else
      f'{some.image}+{some.location}+{some.raw}'): some for some in distinct}


def nearest(rows: Int[np.ndarray, 'b k'], places: Float[np.ndarray, 'b k 2'],
            truth_deg: Float[np.ndarray, 'b 2']) -> types.Candidates:
  """Candidates by their distance from the truth."""
  return stage_lib.ranked(
      rows, -distance.haversine_km(places, truth_deg[:, None]))
