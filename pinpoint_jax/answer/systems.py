"""From queries to the answer of every system: one way, for all who ask.

  searches ─┬▶ each channel's own list ───────────▶ raw_1nn, *_top1
            └▶ shortlist (union) ─▶ stage's scores ─▶ retrieval, light, full
                                 └▶ nearest to the truth ─▶ oracle@N
  a list, best first ─▶ argmax | expected_score ─▶ one place

A query with no gallery row left has row -1 and no place; who asks decides.
"""

from collections.abc import Iterable, Mapping
import dataclasses
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import fusion
from pinpoint_jax.search import masks

# Systems that answer from one channel's list.
OF_CHANNEL = {'raw_1nn': 'raw', 'image_top1': 'image',
              'location_top1': 'location'}
ORACLE = 'oracle'


@runtime_checkable
class Scorer(Protocol):
  """What chooses among a shortlist: a reranker, or fusion."""

  def prepared(self, mask: masks.Mask) -> 'Scorer':
    """What scores queries under that mask, which is of all of them."""

  def scores(self, queries: shortlist.Queries, candidates: types.Shortlist,
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

  def scores(self, queries: shortlist.Queries, candidates: types.Shortlist,
             mask: masks.Mask) -> Float[np.ndarray, 'b k']:
    """The fused logits; the shortlist says all that they need."""
    del queries, mask
    return self.weights.logits(candidates)


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


@dataclasses.dataclass(frozen=True)
class Answers:
  """One place per query.

  Attributes:
    rows: the chosen gallery row, -1 where no row was left, [b].
    latlng_deg: the place; NaN where no row was left, [b, 2].
  """

  rows: Int[np.ndarray, 'b']
  latlng_deg: Float[np.ndarray, 'b 2']

  @property
  def missing(self) -> Bool[np.ndarray, 'b']:
    """Which queries have no answer."""
    return self.rows < 0


class Answering:
  """Every system over one open gallery."""

  def __init__(self, searcher: search.Searcher,
               channels: Mapping[str, Channel],
               stages: Mapping[str, Stage],
               bounded: Iterable[shortlist.Sizes] = ()):
    """channels by name in OF_CHANNEL; stages by any name.

    bounded: shortlists that an oracle shows the best of.
    """
    unknown = set(channels) - set(OF_CHANNEL)
    if unknown:
      raise ValueError(f'channels {sorted(unknown)}: choices are '
                       f'{sorted(OF_CHANNEL)}')
    self._searcher, self._oracles = searcher, oracles(bounded)
    self._channels, self._stages = dict(channels), dict(stages)

  @property
  def systems(self) -> tuple[str, ...]:
    """Names of what answers; an oracle's has the list that it bounds."""
    return *self._channels, *self._stages, *self._oracles

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
         for name, stage in self._stages.items()}, self._oracles.values())

  def candidates(
      self, queries: shortlist.Queries, mask: masks.Mask,
      truth_deg: Float[np.ndarray, 'b 2'] | None = None,
      searched: masks.Mask | None = None) -> dict[str, types.Candidates]:
    """Each system's candidates, best first; scores are log-odds.

    searched: a narrower mask of what may be a candidate; support and counts go
    by `mask`.

    An oracle needs the truth; its scores are kilometres below 0.
    """
    lists = self._searcher.lists(queries, self._depths(), searched or mask)
    lists_by_system = {name: types.Candidates(
        lists[OF_CHANNEL[name]].rows[:, :one.size],
        np.float32(one.temperature) *
        lists[OF_CHANNEL[name]].scores[:, :one.size])
                       for name, one in self._channels.items()}
    shortlists = {sizes: self._searcher.union(lists, queries, sizes)
                  for sizes in dict.fromkeys(
                      stage.sizes for stage in self._stages.values())}
    for name, stage in self._stages.items():
      among = shortlists[stage.sizes]
      lists_by_system[name] = ranked(among.rows,
                                     stage.scorer.scores(queries, among, mask))
    if truth_deg is not None:
      for name, sizes in self._oracles.items():
        rows = (shortlists[sizes] if sizes in shortlists else
                self._searcher.union(lists, queries, sizes)).rows
        lists_by_system[name] = nearest(rows, self._places(rows), truth_deg)
    return lists_by_system

  def answer(
      self, queries: shortlist.Queries, mask: masks.Mask,
      truth_deg: Float[np.ndarray, 'b 2'] | None = None,
      interpolate: bool = False,
      searched: masks.Mask | None = None) -> dict[tuple[str, str], Answers]:
    """Answers by system and decoding; an oracle has argmax alone."""
    answers = {}
    for name, listed in self.candidates(
        queries, mask, truth_deg, searched).items():
      names = decoding.NAMES[:1] if name in self._oracles else decoding.NAMES
      for decode in names:
        answers[name, decode] = self._decoded(
            listed, decode, interpolate and name not in self._oracles)
    return answers

  def _depths(self) -> dict[str, int]:
    """Each channel once, as deep as the deepest system looks."""
    depths = dict.fromkeys(types.CHANNELS, 0)
    for name, channel in self._channels.items():
      depths[OF_CHANNEL[name]] = channel.size
    sizes = [stage.sizes for stage in self._stages.values()]
    for some in (*sizes, *self._oracles.values()):
      for name, size in some.by_channel().items():
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
