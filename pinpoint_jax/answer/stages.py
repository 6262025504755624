"""What chooses among a shortlist: fusion, or a reranker with its network.

  a list, and what lies around it ─▶ scores ─▶ the list, best first
                                  └▶ without the network ─▶ the same, linear
"""

from collections.abc import Mapping
import dataclasses
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.rerank import fusion, inputs
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import masks


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
class Listed:
  """Candidates of one system, and of the same without its network.

  Attributes:
    candidates: best first.
    linear: the same by the linear part alone; None without a network.
    share: as NetworkEffect has it.
  """

  candidates: types.Candidates
  linear: types.Candidates | None = None
  share: Float[np.ndarray, 'b'] | None = None


def ranked_by(stage: Stage, queries: shortlist.Queries,
                  context: inputs.Context, mask: masks.Mask) -> Listed:
  """The candidates by a stage's scores, and without its network."""
  rows, scorer = context.shortlist.rows, stage.scorer
  if not isinstance(scorer, reranking.Ranker):
    return Listed(ranked(rows, scorer.scores(queries, context, mask)))
  linear, network = scorer.parts(queries, context, mask)
  share = (variance_share(linear, network, context.valid)
           if scorer.has_linear_part else np.ones(len(rows)))
  return Listed(
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
