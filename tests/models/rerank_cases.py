"""A small reranker and inputs for it, padded as real ones are."""

import functools

import jax
import numpy as np
from pinpoint_jax.models import rerank_inputs, reranker

DIM, RAW, NUM_SUPPORT = 6, 10, 8


def model(**changes):
  fields = dict(width=16, num_layers=1, num_heads=4, dropout=0.0)
  return reranker.Reranker(**fields | changes)


def inputs(batch=3, k=5, seed=0):
  """The last query has no candidate, the first one all; some lack support."""
  rng = np.random.default_rng(seed)
  draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
  sims = rng.uniform(0, 1, (batch, k, NUM_SUPPORT)).astype(np.float32)
  sims[rng.uniform(size=sims.shape) < .5] = -np.inf
  sims[:, 1] = -np.inf
  num_valid = np.linspace(k, 0, batch).round()
  valid = np.arange(k)[None] < num_valid[:, None]
  found = rerank_inputs.Inputs(
      draw(batch, DIM), draw(batch, RAW), draw(batch, k, DIM),
      draw(batch, k, DIM), draw(batch, k, RAW),
      draw(batch, k, len(rerank_inputs.META)),
      rerank_inputs.Support(draw(batch, k, NUM_SUPPORT, DIM), sims,
                            draw(batch, k, 3)), valid)
  return jax.tree.map(jax.numpy.asarray, spoilt(found))


def spoilt(found):
  """NaN in all that does not matter."""
  spoil = lambda x, kept: np.where(
      kept.reshape(kept.shape + (1,) * (x.ndim - kept.ndim)), x, np.nan)
  near = np.isfinite(found.support.sims)
  support = found.support._replace(
      image=spoil(found.support.image, near),
      scalars=spoil(found.support.scalars, near.any(axis=-1)))
  return found._replace(
      support=support, **{name: spoil(getattr(found, name), found.valid)
                          for name in ('image', 'location', 'raw', 'meta')})


def shapes(module):
  """Shapes of the parameters for inputs()."""
  return jax.eval_shape(module.init, jax.random.key(0), inputs())


@functools.cache
def params(module=None):
  """Numbers like those that training may come to; nothing to compile."""
  rng = np.random.default_rng(1)
  return jax.tree.map(
      lambda leaf: .5 + .3 * rng.normal(size=leaf.shape).astype(np.float32),
      shapes(module or model()))


@functools.cache
def apply(module=None):
  """The compiled model."""
  return jax.jit((module or model()).apply)
