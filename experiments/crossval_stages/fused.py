"""Systems that answer from shortlists, cross-fitted over the folds.

  held-out lists of the OTHER folds ─▶ weights ─▶ lists of this fold ─▶ errors

Each list was made by an embedder that never saw its query, and the weights of
a fold never saw its rows: nothing is fitted to what it is tested on, and no
embedder is trained a second time. The one channel of raw_1nn or image_top1
has its temperature from a fit of the same kind; that of location_top1 was
trained.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

from experiments.crossval_stages import lists as crossval_lists
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding
from pinpoint_jax.answer import systems as answering
from pinpoint_jax.evals import metrics
from pinpoint_jax.rerank import fusion

# Queries that weights are fitted on, and that are decoded at a time.
_MOST, _BLOCK = 20_000, 1024


@dataclasses.dataclass(frozen=True)
class Answered:
  """What one system with one decoding did on some held-out rows.

  Attributes:
    errors: of its answers.
    fitted: what was fitted on other rows, ready for JSON; None if nothing.
  """

  errors: metrics.Errors
  fitted: Any = None


def systems(lists: Sequence[crossval_lists.Lists]) -> dict[
    str, Sequence[str]]:
  """Channels of every system that the lists allow."""
  channels = lists[0].channels
  return {name: (channel,) for name, channel in answering.OF_CHANNEL.items()
          if channel in channels} | {'retrieval': channels}


def answer(lists: Sequence[crossval_lists.Lists],
           channels: Sequence[str]) -> Iterator[dict[str, Answered]]:
  """Fold by fold, what a system of those channels answers, by decoding."""
  for fold, one in enumerate(lists):
    weights = _weights(lists, fold, channels)
    scored = lambda found, weights=weights: weights.logits(
        proposed(found.shortlist, channels))
    yield {decode: Answered(errors, weights.as_dict())
           for decode, errors in decoded(one, scored).items()}


def decoded(lists: crossval_lists.Lists, score_fn: Any) -> dict[
    str, metrics.Errors]:
  """Errors by decoding; score_fn gives log-odds of the candidates found."""
  chosen: dict[str, list[np.ndarray]] = {name: [] for name in decoding.NAMES}
  for start in range(0, len(lists), _BLOCK):
    found = lists.take(np.arange(start, min(start + _BLOCK, len(lists))))
    scores = score_fn(found)
    for name, best in _best(scores, found.latlng_deg).items():
      chosen[name].append(np.take_along_axis(
          found.dist_km, best[:, None], axis=1)[:, 0])
  return {name: metrics.Errors(np.concatenate(km), lists.photos.clusters)
          for name, km in chosen.items()}


def proposed(found: types.Shortlist,
             channels: Sequence[str]) -> types.Shortlist:
  """Without the candidates that none of those channels proposed."""
  at = [types.CHANNELS.index(name) for name in channels]
  own = (found.ranks[..., at] >= 0).any(axis=-1)
  return types.Shortlist(
      np.where(own, found.rows, -1), found.ranks,
      np.where(own[..., None], found.similarities, -np.inf))


def _weights(lists: Sequence[crossval_lists.Lists], fold: int,
             channels: Sequence[str]) -> fusion.Fusion:
  if tuple(channels) == ('location',):
    return fusion.Fusion(0., lists[fold].temperature, 0.)
  others = [one for i, one in enumerate(lists) if i != fold]
  given = crossval_lists.several(others, _MOST)
  return fusion.fit(
      proposed(given.shortlist, channels), given.dist_km, channels)


def _best(scores: Float[np.ndarray, 'b k'],
          latlng_deg: Float[np.ndarray, 'b k 2']) -> Mapping[
              str, Int[np.ndarray, 'b']]:
  return {'argmax': decoding.argmax(scores),
          'expected_score': decoding.expected_score_each(scores, latlng_deg)}
