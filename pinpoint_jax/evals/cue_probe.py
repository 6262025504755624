"""Linear probes: how much of what pictures show can be read from features.

  features of some pictures ─ ridge, a cue at a time ─▶ probe
  features of others ─ probe ─▶ named numbers ─▶ R² with its interval

A probe is worth something on pictures that it was not fitted on; on those of
one world, where the numbers of the cues go together, it is worth more.
"""

from collections.abc import Mapping
import dataclasses

from jaxtyping import Bool, Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import bootstrap, cue_r2

# Of the number of pictures; one is chosen for each cue.
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)


@dataclasses.dataclass(frozen=True)
class Labeled:
  """Features of pictures, and what the pictures show.

  Attributes:
    features: of any scale.
    values: cue numbers, of hidden cues too.
    shown: whether a number is shown.
    clusters: pictures of one name go together.
  """

  features: Float[np.ndarray, 'n d']
  values: Float[np.ndarray, 'n k']
  shown: Bool[np.ndarray, 'n k']
  clusters: types.Strings


@dataclasses.dataclass(frozen=True)
class Probe:
  """A linear map from features to cue numbers; NaN where none was fitted."""

  mean: Float[np.ndarray, 'd']
  scale: Float[np.ndarray, 'd']
  weights: Float[np.ndarray, 'd1 k']

  def named(self, features: Float[np.ndarray, 'n d']) -> Float[
      np.ndarray, 'n k']:
    """The numbers that the features seem to hold."""
    return _inputs(features, self.mean, self.scale) @ self.weights


@dataclasses.dataclass(frozen=True)
class Figure:
  """R² of the numbers that pictures show, and its 95 % interval; NaN of none.
  """

  r2: float
  low: float
  high: float
  num_pictures: int


def fit(some: Labeled, columns: Mapping[str, slice]) -> Probe:
  """A ridge for each cue, from the pictures that show it.

  Its penalty is the one that does best on a fifth of them, held out; whoever
  is in one cluster is held out together. A cue that is not shown both in that
  fifth and in the rest gets no probe.
  """
  mean = some.features.mean(0, dtype=np.float64)
  scale = np.maximum(some.features.std(0, dtype=np.float64), 1e-9)
  inputs = _inputs(some.features, mean, scale)
  held = np.unique(some.clusters, return_inverse=True)[1] % 5 == 0
  weights = np.full((inputs.shape[1], some.values.shape[1]), np.nan)
  for column in columns.values():
    rows = some.shown[:, column.start]
    x, y, apart = inputs[rows], some.values[rows, column], held[rows]
    if apart.all() or not apart.any():
      continue
    missed = [((x[apart] @ _ridge(x[~apart], y[~apart], penalty)
                - y[apart])**2).sum() for penalty in PENALTIES]
    weights[:, column] = _ridge(x, y, PENALTIES[int(np.argmin(missed))])
  return Probe(mean, scale, weights)


def score(probe: Probe, others: Labeled, column: slice = slice(None),
          num_resamples: int = 1000, seed: int = 0) -> Figure:
  """How well the probe names what other pictures show; clusters resampled.

  Of the numbers that it was fitted on.
  """
  named = probe.named(others.features)[:, column]
  shown = others.shown[:, column] & ~np.isnan(named)
  values = others.values[:, column]
  mean = np.where(shown, values, 0).sum(0) / np.maximum(shown.sum(0), 1)
  codes = np.unique(others.clusters, return_inverse=True)[1]
  missed, spread = (np.bincount(codes, np.where(shown, part**2, 0).sum(1))
                    for part in (named - values, values - mean[None]))
  rng = np.random.default_rng(seed)
  drawn = [bootstrap.resampled(rng, len(spread)) for _ in range(num_resamples)]
  draws = [1 - weight @ missed / (weight @ spread) for weight in drawn
           if weight @ spread > 0]
  low, high = np.quantile(draws, (0.025, 0.975)) if draws else (np.nan,) * 2
  return Figure(cue_r2.r2(named, values, shown), float(low), float(high),
                int(shown.any(1).sum()))


def _inputs(features: Float[np.ndarray, 'n d'], mean: Float[np.ndarray, 'd'],
            scale: Float[np.ndarray, 'd']) -> Float[np.ndarray, 'n d1']:
  """Standardised features, and a one."""
  scaled = (features - mean[None]) / scale[None]
  return np.concatenate([scaled, np.ones((len(scaled), 1))], 1)


def _ridge(x: Float[np.ndarray, 'n d1'], y: Float[np.ndarray, 'n k'],
           penalty: float) -> Float[np.ndarray, 'd1 k']:
  """Weights of least squares; the last, of the one, is free."""
  free = np.ones(x.shape[1])
  free[-1] = 1e-9
  return np.linalg.solve(x.T @ x + penalty * len(x) * np.diag(free), x.T @ y)
