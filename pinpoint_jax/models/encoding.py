"""A trained embedder on numpy arrays: features and places to vectors."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
from jaxtyping import Float
import numpy as np
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.models import layers, transformer

# Rows of a table; a few queries would wait for the block to be computed.
MANY = 1024
FEW = 16


def place(params: Any) -> Any:
  """Weights on the device, as an Encoder runs them; placed ones stay there.

  Whoever calls an Encoder more than once places them first: else they are
  handed over again for every call.
  """
  return jax.device_put(layers.unstacked(params))


class Encoder:
  """An embedder with parameters, on numpy arrays, in blocks of one shape.

  The towers always see `block` rows, the last ones filled up: one compilation,
  and a row's vector does not depend on how many came with it.
  """

  def __init__(self, model: embedders.Embedder, block: int = MANY):
    self._block = block
    # A loop would copy each layer's weights before it reads them.
    model = model.clone(scan=False)
    form = _Form(repr(model), model)
    self._images = {s: _compiled(form, s) for s in model.sources}
    self._locations = _compiled_locations(form)

  def images(self, params: Any, source: str,
             features: np.ndarray) -> Float[np.ndarray, 'n d']:
    """Unit embeddings of one source's features [n, f]."""
    return self._blocks(self._images[source], params, features)

  def locations(self, params: Any,
                xyz: Float[np.ndarray, 'n 3']) -> Float[np.ndarray, 'n d']:
    """Unit embeddings of places."""
    return self._blocks(self._locations, params, np.asarray(xyz, np.float32))

  def _blocks(self, apply: Callable[..., Any], params: Any,
              rows: np.ndarray) -> np.ndarray:
    params = place(params)
    def one(start: int) -> np.ndarray:
      block = np.asarray(rows[start:start + self._block])
      filled = np.zeros((self._block, *block.shape[1:]), block.dtype)
      filled[:len(block)] = block
      return np.asarray(apply(params, filled))[:len(block)]
    return np.concatenate(
        [one(i) for i in range(0, max(len(rows), 1), self._block)])


@dataclasses.dataclass(frozen=True)
class _Form:
  """A module by its fields, which may not be hashable themselves."""

  fields: str
  model: embedders.Embedder = dataclasses.field(compare=False)


# Embedders of one form share programs: those of the folds of a table, say.
@functools.lru_cache(maxsize=16)
def _compiled_locations(form: _Form) -> Callable[..., Any]:
  return _jit(lambda params, xyz: form.model.apply(
      {'params': params}, xyz, method='locations'))


@functools.lru_cache(maxsize=16)
def _compiled(form: _Form, source: str) -> Callable[..., Any]:
  return _jit(lambda params, x: form.model.apply(
      {'params': params}, {source: x}, method='images')[source])


def _jit(apply: Callable[..., Any]) -> Callable[..., Any]:
  return jax.jit(apply, compiler_options=transformer.compiler_options())

