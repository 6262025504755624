"""How hard an index must search to find what exact search finds."""

from collections.abc import Mapping, Sequence
import dataclasses
import itertools
import statistics
import time
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import ann, exact, exact_scores, recall
from pinpoint_jax.search import vectors as vectors_lib

_BLOCK = 32768
_ROUNDS = 3


class NotReached(ValueError):
  """No effort that was tried reaches the recall."""


@runtime_checkable
class Tunable(ann.Index, Protocol):
  """An index whose search can be made harder without building it again."""

  engine: str
  settings: ann.Settings

  def with_effort(self, leaves_to_search: int, reorder: int) -> 'Tunable':
    """The same index, searched that hard."""

  def with_tuning(self, tuning: Mapping[str, Any] | None) -> 'Tunable':
    """The same index, with what its record says of why it is so."""


@dataclasses.dataclass(frozen=True)
class Asked:
  """Queries whose right answers are known.

  Attributes:
    queries: unit vectors, float32 [b, d].
    vectors: the rows that are searched.
    right: the best of them, by exact search.
  """

  queries: Float[np.ndarray, 'b d']
  vectors: vectors_lib.Vectors
  right: types.Candidates

  @property
  def k(self) -> int:
    """Rows that each query asks for."""
    return self.right.rows.shape[1]

  def as_good(self, rows: Int[np.ndarray, 'b k']) -> float:
    """Share of the right answers in whose place a row as good was found."""
    query, slot = np.nonzero(rows >= 0)
    scores = np.full(rows.shape, -np.inf, np.float32)
    scores[query, slot] = exact_scores.scores(
        self.queries, self.vectors, query, rows[query, slot])
    return recall.as_good(scores, self.right)


def ask(queries: Float[np.ndarray, 'b d'],
        vectors: vectors_lib.Vectors | Float[np.ndarray, 'g d'],
        k: int) -> Asked:
  """The queries with their k right answers."""
  rows = (vectors if isinstance(vectors, vectors_lib.Vectors)
          else vectors_lib.Vectors(vectors))
  return Asked(queries, rows, exact.search(queries, rows, k))


@dataclasses.dataclass(frozen=True)
class Trial:
  """One effort and what came of it.

  Attributes:
    leaves_to_search: cells looked into for each query.
    reorder: rows scored again for each query.
    recall: share of the right answers that were found, or rows as good.
    queries_per_s: median of a few rounds.
  """

  leaves_to_search: int
  reorder: int
  recall: float
  queries_per_s: float


@dataclasses.dataclass(frozen=True)
class Tuned:
  """The cheapest settings that reach the target, and all that was tried.

  Attributes:
    settings: the chosen ones.
    chosen: the trial they come from.
    trials: every effort tried, cheapest first.
  """

  settings: ann.Settings
  chosen: Trial
  trials: tuple[Trial, ...]


def tune(built: Tunable, asked: Asked, target: float | int,
         leaves: Sequence[int] = (), reorders: Sequence[int] = ()) -> Tuned:
  """The fastest effort with a recall of `target` or more on these queries.

  `leaves` and `reorders` are the efforts to try, by default powers of two
  from small to everything.
  """
  leaves = leaves or _doubling(1, built.settings.num_leaves)
  reorders = reorders or _doubling(asked.k, min(32 * asked.k, len(built)))
  efforts = [(1, asked.k)] if built.settings.brute else itertools.product(
      leaves, reorders)
  trials = sorted((_trial(built, asked, *x) for x in efforts),
                  key=lambda trial: -trial.queries_per_s)
  chosen = next((x for x in trials if x.recall >= target), None)
  if chosen is None:
    best = max(trials, key=lambda trial: trial.recall)
    raise NotReached(
        f'recall {target} is not reached: the best of {len(trials)} efforts is '
        f'{best.recall:.4f} with leaves_to_search {best.leaves_to_search} and '
        f'reorder {best.reorder}; try more, or other leaves')
  settings = built.settings.with_effort(
      chosen.leaves_to_search, chosen.reorder)
  return Tuned(settings, chosen, tuple(trials))


def perturbed(vectors: vectors_lib.Vectors, num_queries: int,
              noise: float | int, seed: int) -> Float[np.ndarray, 'b d']:
  """Rows moved by noise of that length and put back on the unit sphere."""
  rng = np.random.default_rng(seed)
  chosen = rng.choice(len(vectors), num_queries, replace=False)
  rows = vectors.take(np.sort(chosen))
  step = rng.normal(size=rows.shape) * noise / np.sqrt(vectors.dim)
  moved = rows + step.astype(np.float32)
  return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def _trial(built: Tunable, asked: Asked, leaves_to_search: int,
           reorder: int) -> Trial:
  index_there = built.with_effort(leaves_to_search, reorder)
  seconds = []
  for _ in range(_ROUNDS):
    started = time.perf_counter()
    nearest = index_there.search(asked.queries, asked.k)
    seconds.append(time.perf_counter() - started)
  return Trial(leaves_to_search, reorder, asked.as_good(nearest.rows),
               len(asked.queries) / statistics.median(seconds))


def _doubling(first: int, last: int) -> list[int]:
  """first, twice that and so on, and last itself."""
  steps = [first]
  while steps[-1] * 2 < last:
    steps.append(steps[-1] * 2)
  return steps if steps[-1] >= last else [*steps, last]
