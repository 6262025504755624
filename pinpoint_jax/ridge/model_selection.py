"""Penalty and mixture of kernel ridges by inner folds, never by test rows.

  constant place ─▶ ridge as usual ─▶ its best form ─▶ other sources too

Each step is taken only where the inner folds say, by more than two standard
errors over authors and sequences, that it helps: with few authors most of what
looks better is luck, and a source that is added must not cost another one.
"""

from collections.abc import Mapping, Sequence
import dataclasses

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import distance, geoscore
from pinpoint_jax.ridge import inputs as ridge_inputs
from pinpoint_jax.ridge import mixture as mixtures
from pinpoint_jax.ridge import ridge as kernel_ridge
from scipy import linalg

# Of all sources together: choices hardly move with the number of rows.
MOST_ROWS = 4000
_PRIORS = (0.3, 0.4, 0.5, 0.6, 0.7, 1., 2., 4., 8., 16.)
_PENALTIES = mixtures.PENALTIES
USUAL = mixtures.USUAL_PENALTY, mixtures.Mixture()
_CONSTANT = mixtures.Mixture(0., 0., 1., 0.)
_ALONE = tuple(mixtures.Mixture(1., 0., prior, 0.) for prior in _PRIORS)
_BOTH = (
    mixtures.Mixture(0., 0., 0.5, 0.5), mixtures.Mixture(0., 0., 0., 1.),
    *(mixtures.Mixture(own, other, prior * (1 - part), prior * part)
      for own, other in ((1., 0.3), (1., 1.), (0., 1.))
      for part in (0., 0.5, 1.) for prior in _PRIORS))

# How sure a step must be, in standard errors.
_SURE = 2.
# A penalty and a mixture.
_Option = tuple[float, mixtures.Mixture]


@dataclasses.dataclass(frozen=True)
class Split:
  """One inner fold: rows to fit on and rows to answer, by source."""

  train: Mapping[str, Int[np.ndarray, '_']]
  held_out: Mapping[str, Int[np.ndarray, '_']]


@dataclasses.dataclass(frozen=True)
class Choice:
  """A penalty and a mixture.

  Attributes:
    penalty: of the ridges.
    mixture: of what they say.
    geoscore: over the inner folds.
    gain: of GeoScore over the step before it.
    standard_error: of the gain; the step was taken if the gain is larger.
  """

  penalty: float | int
  mixture: mixtures.Mixture
  geoscore: float
  gain: float = 0.
  standard_error: float = 0.


def choose(inputs: Mapping[tuple[str, str], ridge_inputs.Inputs],
           tables: Mapping[str, mixtures.Table],
           clusters: Mapping[str, types.Strings],
           splits: Sequence[Split]) -> dict[str, tuple[Choice, Choice]]:
  """For each source: the choice from its own rows, and with all sources.

  Splits name rows of the tables by number; no other row is read.
  """
  tables, clusters, splits = _asked_for(tables, clusters, splits)
  mapped = {(query, ridge): np.asarray(view.map(tables[query].features),
                                       np.float32)
            for (query, ridge), view in inputs.items()}
  options = {source: _options(len(tables)) for source in tables}
  scores: dict[str, list[np.ndarray]] = {source: [] for source in tables}
  held_out: dict[str, list[np.ndarray]] = {source: [] for source in tables}
  for split in splits:
    for source, some in _scores(mapped, tables, split, options).items():
      scores[source].append(some)
      held_out[source].append(clusters[source][split.held_out[source]])
  return {source: _steps(np.concatenate(scores[source], axis=1),
                         np.concatenate(held_out[source]), options[source])
          for source in tables}


def _asked_for(tables: Mapping[str, mixtures.Table],
               clusters: Mapping[str, types.Strings],
               splits: Sequence[Split]) -> tuple[
                   dict[str, mixtures.Table], dict[str, types.Strings],
                   list[Split]]:
  """The rows that some split names, renumbered."""
  used = {source: np.unique(np.concatenate(
      [getattr(split, side)[source] for split in splits
       for side in ('train', 'held_out')])) for source in tables}
  renumbered = [Split(*({source: np.searchsorted(used[source], rows)
                         for source, rows in side.items()}
                        for side in (split.train, split.held_out)))
                for split in splits]
  return ({source: table.take(used[source])
           for source, table in tables.items()},
          {source: clusters[source][used[source]] for source in tables},
          renumbered)


def _options(num_sources: int) -> list[list[_Option]]:
  """Penalty and mixture of every option, step by step."""
  each = lambda some: [(penalty, mixture) for penalty in _PENALTIES
                       for mixture in some]
  alone = [[(USUAL[0], _CONSTANT)], [USUAL], each(_ALONE)]
  return alone if num_sources == 1 else [*alone, each(_BOTH)]


def _steps(scores: Float[np.ndarray, 'o n'], clusters: types.Strings,
           options: Sequence[Sequence[_Option]],
           ) -> tuple[Choice, Choice]:
  """The last step that is worth it, alone and with all sources."""
  kept, choices = None, []
  ends = np.cumsum([len(step) for step in options])[:-1]
  for step, some in zip(options, np.split(scores, ends)):
    best = int(some.mean(axis=1).argmax())
    gain, error = (0., 0.) if kept is None else _gain(
        some[best] - kept, clusters)
    if kept is None or gain > _SURE * error:
      kept = some[best]
      choices.append(Choice(*step[best], float(kept.mean()), gain, error))
    else:
      choices.append(choices[-1])
  return choices[2], choices[-1]


def _gain(differences: Float[np.ndarray, 'n'],
          clusters: types.Strings) -> tuple[float, float]:
  """Mean, and its standard error over clusters."""
  _, codes = np.unique(clusters, return_inverse=True)
  mean = differences.mean()
  sums = np.bincount(codes, differences - mean)
  num = len(sums)
  error = np.sqrt((sums**2).sum() * num / max(num - 1, 1)) / len(differences)
  return float(mean), float(error)


def _scores(mapped: Mapping[tuple[str, str], np.ndarray],
            tables: Mapping[str, mixtures.Table], split: Split,
            options: Mapping[str, Sequence[Sequence[_Option]]],
            ) -> dict[str, Float[np.ndarray, 'o q']]:
  """GeoScore of each option's answers to the rows held out, by source."""
  places = {source: table.latlng_deg[split.train[source]]
            for source, table in tables.items()}
  candidates = np.concatenate(list(places.values()))
  worths = {source: kernel_ridge.worths(
      some, candidates, geoscore.SCALE_KM).astype(np.float32)
            for source, some in places.items()}
  is_of = np.repeat(list(places), [len(some) for some in places.values()])
  beyond = _beyond(mapped, split, worths)
  scores = {}
  for source, table in tables.items():
    truth = table.latlng_deg[split.held_out[source]]
    points = geoscore.points(distance.haversine_km(
        truth[:, None], candidates[None])).astype(np.float32)
    scores[source] = np.stack([
        _answered(beyond, worths, source, is_of, points, *option)
        for step in options[source] for option in step])
  return scores


def _beyond(mapped: Mapping[tuple[str, str], np.ndarray], split: Split,
            worths: Mapping[str, np.ndarray]) -> dict[
                tuple[str, str, float], Float[np.ndarray, 'q c']]:
  """What each ridge says beyond its shares, by query, ridge and penalty."""
  said = {}
  for ridge, worth in worths.items():
    train = mapped[ridge, ridge][split.train[ridge]]
    gram, target = train @ train.T, worth - worth.mean(axis=0)
    asked = {query: view[split.held_out[query]]
             for (query, name), view in mapped.items() if name == ridge}
    crossed = train @ np.concatenate(list(asked.values())).T
    ends = np.cumsum([len(rows) for rows in asked.values()])[:-1]
    for penalty in _PENALTIES:
      weights = linalg.solve(
          gram + np.float32(penalty) * np.eye(len(gram), dtype=np.float32),
          crossed, assume_a='pos')
      for query, some in zip(asked, np.split(weights.T, ends)):
        said[query, ridge, penalty] = some @ target
  return said


def _answered(beyond: Mapping[tuple[str, str, float], np.ndarray],
              worths: Mapping[str, np.ndarray], source: str,
              is_of: types.Strings, points: Float[np.ndarray, 'q c'],
              penalty: float, mixture: mixtures.Mixture) -> Float[
                  np.ndarray, 'q']:
  """Points of an option's answers to the queries of a source."""
  scores = np.zeros_like(points)
  for name, worth in worths.items():
    ridge, prior = mixture.parts(name == source)
    if ridge and (source, name, penalty) in beyond:
      scores += np.float32(ridge) * beyond[source, name, penalty]
    if prior:
      scores += np.float32(prior) * worth.mean(axis=0)[None]
  if mixture.alone:
    scores = np.where((is_of == source)[None], scores, -np.inf)
  return np.take_along_axis(points, scores.argmax(1)[:, None], axis=1)[:, 0]
