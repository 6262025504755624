"""Systems that answer from shortlists, cross-fitted over the folds.

  held-out lists of the OTHER folds ─▶ weights ─▶ lists of this fold ─▶ errors

Each list comes from an embedder that never saw its query, and the weights of
a fold never saw its rows: nothing is fitted to what it is tested on, and no
embedder is trained a second time. raw_1nn and image_top1 have a temperature
fitted in the same way; that of location_top1 was trained.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import time
from typing import Any

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding
from pinpoint_jax.crossval import lists as lists_lib
from pinpoint_jax.evals import metrics
from pinpoint_jax.rerank import fusion

ScoreFn = Callable[[lists_lib.Proposals], Float[np.ndarray, 'b k']]
# Queries that weights are fitted on, and that are decoded at a time.
_MOST, _BLOCK = 20_000, 1024
# Weight of every channel where no weights are better than none.
_EQUAL = 10.0


@dataclasses.dataclass(frozen=True)
class Answered:
  """Answers of one system with one decoding to some held-out rows.

  Attributes:
    errors: of the answers.
    seconds: that fitting and answering took.
    fitted: values fitted on other rows, ready for JSON; None if nothing was.
    note: a sentence for the user, '' for none.
  """

  errors: metrics.Errors
  seconds: float
  fitted: Any = None
  note: str = ''


@dataclasses.dataclass(frozen=True)
class Weights:
  """Weights of the channels, and a note where they could not be fitted."""

  fusion: fusion.Fusion
  note: str = ''


def answer(folds: Sequence[lists_lib.Lists],
           channels: Sequence[str]) -> Iterator[dict[str, Answered]]:
  """Answers of a system of those channels to each fold, by decoding."""
  for number, lists in enumerate(folds):
    began = time.monotonic()
    weights = _weights(folds, number, channels)
    scored = lambda batch, weights=weights: weights.fusion.logits(
        proposed(batch.shortlist, channels))
    by_decoding = decoded(lists, scored)
    seconds = time.monotonic() - began
    yield {decode: Answered(errors, seconds, weights.fusion.as_dict(),
                            weights.note)
           for decode, errors in by_decoding.items()}


def oracle(folds: Sequence[lists_lib.Lists]) -> Iterator[dict[str, Answered]]:
  """Errors of the candidate nearest to the truth: nothing reranked is better.
  """
  for lists in folds:
    began = time.monotonic()
    km = [batch.dist_km.min(axis=1) for batch in lists.batches(_BLOCK)]
    yield {'argmax': Answered(
        metrics.Errors(np.concatenate(km), lists.photos.clusters),
        time.monotonic() - began)}


def decoded(lists: lists_lib.Lists, score_fn: ScoreFn) -> dict[
    str, metrics.Errors]:
  """Errors by decoding; score_fn gives log-odds of the candidates."""
  chosen: dict[str, list[np.ndarray]] = {name: [] for name in decoding.NAMES}
  for batch in lists.batches(_BLOCK):
    scores = score_fn(batch)
    best = {'argmax': decoding.argmax(scores),
            'expected_score': decoding.expected_score(
                scores, batch.latlng_deg)}
    for name, slots in best.items():
      chosen[name].append(np.take_along_axis(
          batch.dist_km, slots[:, None], axis=1)[:, 0])
  return {name: metrics.Errors(np.concatenate(km), lists.photos.clusters)
          for name, km in chosen.items()}


def proposed(shortlist: types.Shortlist,
             channels: Sequence[str]) -> types.Shortlist:
  """Without the candidates that none of those channels proposed."""
  at = [types.CHANNELS.index(name) for name in channels]
  own = (shortlist.ranks[..., at] >= 0).any(axis=-1)
  return types.Shortlist(
      np.where(own, shortlist.rows, -1), shortlist.ranks,
      np.where(own[..., None], shortlist.similarities, -np.inf))


def fit(examples: lists_lib.Proposals, channels: Sequence[str]) -> Weights:
  """The fitted fusion; equal weights, with a note, where no signal is found."""
  try:
    return Weights(fusion.fit(proposed(examples.shortlist, channels),
                              examples.dist_km, channels))
  except fusion.NoSignal:
    return _equal(channels, (
        f'no weights of {", ".join(channels)} are better than a random choice '
        f'on the other folds; equal weights are used'))


def _equal(channels: Sequence[str], note: str) -> Weights:
  weights = {name: _EQUAL * (name in channels) for name in types.CHANNELS}
  return Weights(fusion.Fusion(**weights), note)


def _weights(folds: Sequence[lists_lib.Lists], number: int,
             channels: Sequence[str]) -> Weights:
  if tuple(channels) == ('location',):
    temperature = folds[number].temperature
    if 0 < temperature < np.inf:
      return Weights(fusion.Fusion(0., temperature, 0.))
    return _equal(channels, f'training ended at a temperature of '
                            f'{temperature:g}; {_EQUAL:g} is used')
  others = [lists for i, lists in enumerate(folds) if i != number]
  return fit(lists_lib.several(others, _MOST), channels)
