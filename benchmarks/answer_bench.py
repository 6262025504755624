"""From a query's feature to a place, beside GeoCLIP's way, on two CPU cores.

  python -m benchmarks.answer_bench --out=benchmarks/results/answer.json

A gallery of synthetic rows is written and opened as any other: image and
location rows of 256 numbers, raw rows of 1536, indices of each channel tuned
as in gallery_bench, 500 rows round each town. Weights are random at the sizes
of the configs. The vector that the embedder makes is thrown away: no row would
be near it, and a row moved by noise is asked instead.

GeoCLIP's way is its location tower, at the published size, over 100,000
places for every query, and the place of the largest dot product.
"""

import argparse
from collections.abc import Callable
import os
import pathlib
import platform
import tempfile
import time

from experiments.run import run_record
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import stages as stage_lib
from pinpoint_jax.answer import systems
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.models import encoding, geoclip_location, layers, transformer
from pinpoint_jax.search import masks

from benchmarks import (
  answer_ground,
  answer_models,
  answer_rerank,
)
from benchmarks.answer_ground import DEEP, MANY, Ground
from benchmarks.clocks import quantiles

TARGETS = {'one_query_of_12_ms': 5, '1000_queries_of_12_s': 2,
           'light_768_ms': 5, 'end_to_end_p50_ms': 20}
_BATCH = 64
_GEOCLIP_PLACES, _GEOCLIP_BLOCK = 100_000, 10_000


def embedders(ground: Ground) -> dict[str, Callable[[int], np.ndarray]]:
  """What makes one query's vector, by size of the embedder and by way.

  `encoder` is what the project takes, which fills a block; `alone` one row.
  """
  result, feature = {}, lambda i: ground.features[i % MANY][None]
  for size in ('quick', 'full'):
    trained = answer_models.embedder(None if size == 'full' else size)
    encoder = encoding.Encoder(trained.model, encoding.FEW)
    alone = answer_models.one_row(trained)
    result[f'{size}_encoder'] = lambda i, encoder=encoder, trained=trained: (
        encoder.images(trained.params, 'photo', feature(i)))
    result[f'{size}_alone'] = lambda i, alone=alone: np.asarray(
        alone(feature(i)))
  return result


def end_to_end(ground: Ground, arg: str) -> dict:
  """A query's feature to its place, and the parts of the way."""
  trained = answer_models.reranker(arg)
  sizes = shortlist.Sizes(**trained.info.sizes)
  it = stage_lib.Stage(sizes, ground.ranker(trained))
  searcher, mask = ground.search_for(trained), masks.open_mask(1)
  asked = systems.Answering(
      searcher, {}, {'it': it}, reader=ground.reader, task=trained.info.task)
  lists = [searcher.shortlist(ground.one(i), sizes) for i in range(_BATCH)]
  answer = lambda i: asked.answer(ground.one(i), mask)
  again = searcher.num_scanned_again
  result = dict(
      shortlist=quantiles(
          lambda i: searcher.shortlist(ground.one(i), sizes)),
      scores=quantiles(lambda i: answer_rerank.scores_of(
          ground, trained, ground.one(i % _BATCH), lists[i % _BATCH])),
      from_vector_to_place=quantiles(answer),
      scanned_again=searcher.num_scanned_again - again)
  for name, encode in embedders(ground).items():
    result[f'whole_{name}'] = quantiles(
        lambda i, encode=encode: (encode(i), answer(i)))
  return result


def channels(ground: Ground) -> dict:
  """One query through each channel of the Searcher, short and long lists."""
  return {f'{name}_{k}': quantiles(
      lambda i, name=name, k=k, searcher=searcher: searcher.search(
          name, ground.one(i).of(name), k))
          for k, searcher in ((12, ground.searcher), (DEEP, ground.deep))
          for name in types.CHANNELS}


def geoclip(calls: int) -> dict:
  """GeoCLIP's tower over all its places, and the best of them, per query."""
  tower = geoclip_location.GeoClipLocation()
  params = jax.jit(tower.init)(jax.random.key(0), jnp.ones((1, 3)))
  rng = np.random.default_rng(3)
  at = np.stack([rng.uniform(-90, 90, _GEOCLIP_PLACES),
                 rng.uniform(-180, 180, _GEOCLIP_PLACES)], axis=1)
  query = rng.normal(size=(tower.out_dim,)).astype(np.float32)
  best = jax.jit(lambda params, at, query: (layers.unit(tower.apply(
      params, at, method='from_degrees')) * query[None]).sum(axis=1),
                 compiler_options=transformer.compiler_options())
  at = at.astype(np.float32)
  def answer(_: int) -> np.ndarray:
    sims = [best(params, at[i:i + _GEOCLIP_BLOCK], query)
            for i in range(0, len(at), _GEOCLIP_BLOCK)]
    return at[np.argmax(np.concatenate(sims))]
  return dict(places=len(at), **quantiles(answer, calls, calls))


def main() -> None:
  """Builds, measures, writes after each part."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--folder', type=pathlib.Path, help='keep the gallery')
  parser.add_argument('--geoclip_calls', type=int, default=3)
  args = parser.parse_args()
  result = dict(
      rows=args.rows, targets=TARGETS, platform=platform.platform(),
      cores=os.cpu_count(), versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d'), load={})
  with tempfile.TemporaryDirectory() as name:
    path = args.folder or pathlib.Path(name) / 'gallery'
    answer_ground.build(path, args.rows)
    ground = answer_ground.opened(path)
    result['tuned'] = ground.tuned
    for part, measure in (
        ('light_768', lambda: answer_rerank.light_of_768(ground)),
        ('channels', lambda: channels(ground)),
        ('embedding', lambda: {
            name: quantiles(run) for name, run in embedders(ground).items()}),
        ('end_to_end_attention', lambda: end_to_end(ground, 'quick')),
        ('end_to_end_light', lambda: end_to_end(ground, 'kind=light')),
        ('geoclip', lambda: geoclip(args.geoclip_calls)),
        ('reranking_12_quick', lambda: answer_rerank.of_12(ground, 'quick')),
        ('reranking_12_full', lambda: answer_rerank.of_12(ground, None))):
      result[part] = measure()
      result['load'][part] = os.getloadavg()[0]
      print(part, result[part], flush=True)
      run_record.write_json(args.out, result)


if __name__ == '__main__':
  main()
