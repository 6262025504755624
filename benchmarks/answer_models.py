"""Untrained models at the sizes of the configs: only their speed counts."""

from collections.abc import Callable

from experiments import train_embedder, train_reranker
from experiments.configs import train_embedder as embedder_config
from experiments.configs import train_reranker as reranker_config
import jax
import jax.numpy as jnp
from pinpoint_jax import types
from pinpoint_jax.models import embedder_files, transformer
from pinpoint_jax.rerank import files, scoring

from benchmarks import gallery_bench

DIM, RAW_DIM = gallery_bench.CHANNELS['image'], gallery_bench.CHANNELS['raw']
_FUSION = {'image': 10., 'location': 10., 'raw': 10.}
_MADE = {'backbone': 'random', 'weight_hash': '0', 'preprocess': 'none',
         'dim': RAW_DIM}


def embedder(size: str | None) -> embedder_files.Trained:
  """An untrained embedder of that size of the config, in 256 numbers."""
  config = embedder_config.get_config(size)
  config.model.dim = DIM
  model = train_embedder.model(config)
  some = {source: jnp.zeros((1, RAW_DIM)) for source in types.SOURCES}
  params = jax.jit(model.init)(jax.random.key(0), some, {
      source: jnp.ones((1, 3)) for source in types.SOURCES})['params']
  return embedder_files.Trained(
      model, params, dict.fromkeys(types.SOURCES, _MADE), 'random')


def one_row(trained: embedder_files.Trained) -> Callable:
  """The image tower, compiled for whatever it is given."""
  apply = jax.jit(lambda params, x: trained.model.apply(
      {'params': params}, {'photo': x}, method='images')['photo'],
                  compiler_options=transformer.compiler_options())
  return lambda x: apply(trained.params, x)


def reranker(arg: str | None, embedder: str = 'random') -> files.Trained:
  """An untrained reranker of the config, for what an embedder has made."""
  config = reranker_config.get_config(arg)
  module, dims = train_reranker.model(config), scoring.Dims(DIM, RAW_DIM)
  params = jax.jit(lambda key: scoring.init(module, dims, key))(
      jax.random.key(0))
  return files.Trained(config.kind, module, params, files.RerankerInfo(
      'photo', embedder, '', config.examples.sizes.to_dict(), _FUSION, _FUSION,
      (), dims), 'random')
