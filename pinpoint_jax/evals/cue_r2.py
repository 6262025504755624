"""How much of what pictures show a backbone names: R² by source and cue."""

from collections.abc import Mapping
import functools
from typing import Any

from flax import linen as nn
import jax
from jaxtyping import Bool, Float, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.models import convnet

_ROWS = 128


def r2(named: Float[np.ndarray, 'n k'], values: Float[np.ndarray, 'n k'],
       shown: Bool[np.ndarray, 'n k']) -> float:
  """1 − squared error / squared deviation, over the numbers that are shown.

  Deviations are from each column's mean where it is shown; NaN of nothing.
  """
  count = np.maximum(shown.sum(0), 1)
  mean = np.where(shown, values, 0).sum(0) / count
  spread = ((values - mean[None])**2)[shown].sum(dtype=np.float64)
  missed = ((named - values)**2)[shown].sum(dtype=np.float64)
  return float(1 - missed / spread) if spread > 0 else float('nan')


class CueR2:
  """Held-out pictures, named by the running mean of the parameters."""

  def __init__(self, name: str, every: int, module: nn.Module,
               pixels: UInt8[np.ndarray, 'n h w 3'],
               values: Float[np.ndarray, 'n k'],
               shown: Bool[np.ndarray, 'n k'],
               is_street: Bool[np.ndarray, 'n'],
               columns: Mapping[str, slice]):
    self.name, self.every = name, every
    self._data = pixels, values, shown, is_street
    self._columns = columns
    self._apply = jax.jit(functools.partial(_named, module))

  def run(self, state: Any) -> dict[str, float]:
    """r2, the mean of r2_photo and r2_street, and r2_SOURCE_CUE where shown."""
    pixels, values, shown, is_street = self._data
    named = np.concatenate([
        np.asarray(self._apply(state.ema, pixels[part]))
        for part in blocks.slices(len(pixels), _ROWS)])
    figures = {}
    for source in types.SOURCES:
      rows = is_street == (source == 'street')
      score = lambda columns, rows=rows: r2(
          named[rows, columns], values[rows, columns], shown[rows, columns])
      figures[f'r2_{source}'] = score(slice(None))
      figures |= {f'r2_{source}_{cue}': score(columns)
                  for cue, columns in self._columns.items()
                  if shown[rows, columns].any()}
    return {'r2': (figures['r2_photo'] + figures['r2_street']) / 2} | figures


def _named(module: nn.Module, params: Any, pixels: Any) -> jax.Array:
  return module.apply({'params': params}, convnet.unit_range(pixels))
