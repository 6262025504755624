"""Which task an unlabelled photo is: ordinary photo, or street view.

  feature ─▶ each column (x − mean) / std ─▶ · weights + bias ─▶ P(street)

Both sources' features must come from one backbone: a photo of unknown source
is seen by one alone.
"""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from jaxtyping import Float, Num
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.disk import model_dir

MODEL_TYPE = 'pinpoint_router'


@dataclasses.dataclass(frozen=True)
class Router:
  """A logistic regression on raw features.

  Attributes:
    mean: of each column, float64 [d].
    std: deviation of each column, float64 [d].
    weights: of the standardised columns, float64 [d].
    bias: log-odds of 'street' at the mean.
    inputs: what made the features: backbone, weight_hash, preprocess, dim.
  """

  mean: Float[np.ndarray, 'd']
  std: Float[np.ndarray, 'd']
  weights: Float[np.ndarray, 'd']
  bias: float
  inputs: Mapping[str, Any]

  def logits(self, features: Num[np.ndarray, 'b d']) -> Float[
      np.ndarray, 'b']:
    """Log-odds of 'street'; row by row, whatever rows come along."""
    rows = (np.asarray(features, np.float64) - self.mean) / self.std
    return (rows * self.weights).sum(axis=1) + self.bias

  def sources(self, features: Num[np.ndarray, 'b d']) -> types.Strings:
    """The task of each photo; 'photo' at even odds."""
    logits = self.logits(features)
    if not np.isfinite(logits).all():
      raise ValueError(f'{(~np.isfinite(logits)).sum()} of {len(logits)} '
                       f'features hold NaN or infinity: they have no source')
    return np.where(logits > 0, 'street', 'photo')

  def check_inputs(self, inputs: Mapping[str, Any], where: str) -> None:
    """Refuses features that were extracted in another way."""
    unlike = [f'{name} {value!r} → {inputs.get(name)!r}'
              for name, value in self.inputs.items()
              if inputs.get(name) != value]
    if unlike:
      raise ValueError(f'{where} was not extracted like the features this '
                       f'router was fitted on ({"; ".join(unlike)}): fit it '
                       f'again')


def probabilities(logits: Float[np.ndarray, 'b']) -> Float[np.ndarray, 'b']:
  """P(street), without overflow at any log-odds."""
  return np.exp(-np.logaddexp(0., -logits))


def save(folder: pathlib.Path, router: Router, card: str) -> str:
  """Writes a model directory; returns its fingerprint."""
  return model_dir.save(
      folder, {'model_type': MODEL_TYPE, 'inputs': dict(router.inputs)},
      {name: getattr(router, name)
       for name in ('mean', 'std', 'weights', 'bias')}, card)


def load(folder: str | pathlib.Path) -> Router:
  """Reads a model directory; refuses changed files and other models."""
  folder = pathlib.Path(folder)
  return from_saved(folder, model_dir.load(folder, MODEL_TYPE))


def from_saved(folder: pathlib.Path, saved: model_dir.Saved) -> Router:
  """The router of what was read from `folder`."""
  with model_dir.building(folder):
    columns = (int(saved.config['inputs']['dim']),)
  model_dir.check_shapes(folder, saved.shapes, {
      'mean': columns, 'std': columns, 'weights': columns, 'bias': ()})
  params = {name: np.asarray(value, np.float64)
            for name, value in saved.params.items()}
  return Router(params['mean'], params['std'], params['weights'],
                float(params['bias']), saved.config['inputs'])
