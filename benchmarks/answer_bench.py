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
from collections.abc import Callable, Iterator
import copy
import dataclasses
import os
import pathlib
import platform
import tempfile
import time

from experiments import embedder_parts, reranker_parts, run_record
from experiments.configs import train_embedder, train_reranker
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.geo import coords, places
from pinpoint_jax.models import (
  compiling,
  embedder_files,
  encoding,
  geoclip_location,
  rerank_files,
  rerank_scoring,
  residual,
)
from pinpoint_jax.retrieval import (
  answering,
  exact,
  gallery_blocks,
  gallery_columns,
  gallery_files,
  gallery_indexes,
  gallery_neighbourhoods,
  gallery_table,
  gallery_writer,
  index,
  index_settings,
  masks,
  neighbourhood_files,
  rerank_arrays,
  reranking,
  search,
  segment_writer,
  shortlist,
  tuning,
  vectors,
)
from pinpoint_jax.retrieval import gallery as galleries

from benchmarks import gallery_bench

DIM, RAW_DIM = gallery_bench.CHANNELS['image'], gallery_bench.CHANNELS['raw']
TARGETS = {'one_query_of_12_ms': 5, '1000_queries_of_12_s': 2,
           'light_768_ms': 5, 'end_to_end_p50_ms': 20}
# Rows round one town: lists of 64 neighbours are full.
_TOWN_ROWS, _TOWN_DEG = 500, .1
_BATCH, _MANY, _NOISE, _TUNED_ON, _DEEP = 64, 1000, .5, 64, 256
_GEOCLIP_PLACES, _GEOCLIP_BLOCK = 100_000, 10_000
_FUSION = {'image': 10., 'location': 10., 'raw': 10.}
_MADE = {'backbone': 'random', 'weight_hash': '0', 'preprocess': 'none',
         'dim': RAW_DIM}


def quantiles(run: Callable[[int], object], most: int = 201,
              least: int = 3, seconds: float = 8.) -> dict:
  """Milliseconds of run(0), run(1), …; the first is not counted."""
  run(0)
  taken, begun = [], time.perf_counter()
  while len(taken) < most and (
      len(taken) < least or time.perf_counter() - begun < seconds):
    taken.append(timed(lambda: run(len(taken))))
  return dict(**gallery_bench.milliseconds(np.asarray(taken)), runs=len(taken))


def timed(run: Callable[[], object]) -> tuple[float, float]:
  """Seconds of wall and of CPU, of all threads together."""
  wall, cpu = time.perf_counter(), time.process_time()
  run()
  return time.perf_counter() - wall, time.process_time() - cpu


def seconds_of(run: Callable[[], object], enough: float = 10.) -> dict:
  """The best of three, or of fewer where they take long; compiled before."""
  taken = []
  while len(taken) < 3 and sum(wall for wall, _ in taken) < enough:
    taken.append(timed(run))
  wall, cpu = min(taken)
  return dict(wall_s=wall, cpu_s=cpu)


def a_query(seconds: dict, num: int) -> dict:
  """Milliseconds of one of so many queries."""
  return {name.replace('_s', '_ms'): 1e3 * value / num
          for name, value in seconds.items()}


def embedder(size: str | None) -> embedder_files.Trained:
  """An untrained embedder of that size of the config, in 256 numbers."""
  config = train_embedder.get_config(size)
  config.model.dim = DIM
  model = embedder_parts.model(config)
  some = {source: jnp.zeros((1, RAW_DIM)) for source in types.SOURCES}
  params = jax.jit(model.init)(jax.random.key(0), some, {
      source: jnp.ones((1, 3)) for source in types.SOURCES})['params']
  return embedder_files.Trained(
      model, params, dict.fromkeys(types.SOURCES, _MADE), 'random')


def reranker(arg: str | None) -> rerank_files.Trained:
  """An untrained reranker of the config."""
  config = train_reranker.get_config(arg)
  module, dims = reranker_parts.model(config), rerank_scoring.Dims(DIM, RAW_DIM)
  params = jax.jit(lambda key: rerank_scoring.init(module, dims, key))(
      jax.random.key(0))
  return rerank_files.Trained(config.kind, module, params, rerank_files.Facts(
      'photo', 'random', '', config.lessons.sizes.to_dict(), _FUSION, True,
      dims), 'random')


def table(num_rows: int) -> gallery_table.Table:
  """Rows of both sources in turn, scattered round some of the world's towns."""
  rng = np.random.default_rng(0)
  towns = places.load_cities().latlng_deg
  towns = towns[rng.permutation(len(towns))[:max(1, num_rows // _TOWN_ROWS)]]
  at = towns[rng.integers(len(towns), size=num_rows)]
  at = at + rng.uniform(-_TOWN_DEG, _TOWN_DEG, at.shape)
  at = np.stack([at[:, 0].clip(-89, 89), coords.wrap_lng_deg(at[:, 1])], axis=1)
  nobody = gallery_columns.Coded(
      np.full(num_rows, -1, '<i4'), np.zeros(0, np.str_))
  return gallery_table.Table(
      np.char.mod('%09d', np.arange(num_rows)), at.astype(np.float32),
      (np.arange(num_rows) % 2).astype(np.uint8), nobody, nobody)


def blocks(folder: pathlib.Path,
           num_rows: int) -> Iterator[gallery_blocks.Block]:
  """Rows of gallery_bench; those of places lie near those of images."""
  rng = np.random.default_rng(1)
  gallery_bench.write_rows(folder, num_rows)
  held = {name: gallery_bench.held(folder, name, num_rows)
          for name in ('image', 'raw')}
  for start in range(0, num_rows, gallery_blocks.BLOCK_ROWS):
    stop = min(start + gallery_blocks.BLOCK_ROWS, num_rows)
    image = held['image'].block(start, stop)
    noise = rng.standard_normal(image.shape, np.float32)
    near = image + _NOISE / DIM**.5 * noise
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    yield {gallery_files.Z_IMAGE: image.astype('<f2'),
           gallery_files.Z_LOCATION: near.astype('<f2'),
           gallery_files.RAW_FILES['float16']: held['raw'].block(
               start, stop).astype('<f2')}


def build(path: pathlib.Path, num_rows: int) -> None:
  """A gallery with indices and neighbour lists, unless it is there."""
  if not (path / gallery_files.MANIFEST).exists():
    about = gallery_writer._about(embedder('quick'), gallery_writer.Settings())
    with gallery_writer.writing(path), tempfile.TemporaryDirectory() as rows:
      one = segment_writer.write(
          path, about, table(num_rows), blocks(pathlib.Path(rows), num_rows),
          lambda _: None)
      gallery_writer.publish(
          path, {**about, 'rows': num_rows, 'segments': [one]})
  gallery_indexes.build(
      path, smallest=min(num_rows, index_settings.BRUTE_BELOW))
  gallery_neighbourhoods.write(path)


@dataclasses.dataclass(frozen=True)
class Ground:
  """What is searched, and queries that have neighbours in it.

  Attributes:
    searcher: its indices tuned for the 12 best.
    deep: the same at the effort they are built with. One leaf holds fewer
      rows than a long list wants; what is short is scanned exactly.
    asked: as many as there are to tune on and to time.
    features: raw features of any queries, for the embedder.
    tuned: leaves looked into and recall, by channel and depth.
  """

  searcher: search.Searcher
  deep: search.Searcher
  around: neighbourhood_files.Neighbourhoods
  asked: shortlist.Queries
  features: np.ndarray
  tuned: dict

  def one(self, i: int) -> shortlist.Queries:
    """Query i, from the start again when they end."""
    i = _TUNED_ON + i % (len(self.asked) - _TUNED_ON)
    return self.asked.take(slice(i, i + 1))

  def many(self, num: int) -> shortlist.Queries:
    """So many queries together."""
    return self.asked.take(slice(_TUNED_ON, _TUNED_ON + num))

  def search_for(self, trained: rerank_files.Trained) -> search.Searcher:
    """The one whose effort suits that reranker's lists."""
    return self.deep if trained.kind == 'light' else self.searcher

  def ranker(self, trained: rerank_files.Trained) -> reranking.Ranker:
    """That reranker on this gallery."""
    return reranking.Ranker(self.searcher, self.around, trained)


def opened(path: pathlib.Path) -> Ground:
  """The gallery, each channel at the least effort that finds 95 % of 12."""
  gallery = galleries.open_gallery(path)
  num = _TUNED_ON + _MANY
  asked = shortlist.Queries(*(
      tuning.perturbed(gallery.channel(name)[0], num, _NOISE, seed=1)
      for name in ('image', 'raw')))
  deep, short, tuned = gallery_indexes.load(gallery), {}, {}
  for (segment, name), found in deep.items():
    rows = gallery.channel(name)[0]
    short[segment, name], tuned[name] = gallery_bench.tuned(
        copy.copy(found), rows, asked.of(name)[:_TUNED_ON])
    tuned[f'{name}_{_DEEP}'] = recall_of_deep(
        found, rows, asked.of(name)[:_TUNED_ON])
  features = np.random.default_rng(2).normal(size=(num, RAW_DIM))
  return Ground(
      search.Searcher(gallery, short), search.Searcher(gallery, deep),
      gallery_neighbourhoods.of(gallery), asked, features.astype(np.float32),
      tuned)


def recall_of_deep(found: index.Index, rows: vectors.Vectors,
                   queries: np.ndarray) -> dict:
  """Leaves looked into as built, and how much of a long list they hold."""
  inner = getattr(found, 'inner', found)
  right = exact.search(queries, rows, _DEEP).rows
  return dict(leaves_to_search=inner.settings.leaves_to_search,
              recall=tuning.recall(found.search(queries, _DEEP).rows, right))


def made(ground: Ground, trained: rerank_files.Trained,
         queries: shortlist.Queries) -> tuple[types.Shortlist,
                                              rerank_scoring.Batch]:
  """A shortlist and what the network reads of it."""
  found = ground.search_for(trained).shortlist(
      queries, shortlist.Sizes(**trained.facts.sizes))
  reader = rerank_arrays.Reader(ground.searcher.gallery, ground.around)
  context = reader.context(
      queries, found, masks.open_mask(len(queries)),
      reranking.reads(trained.model).support)
  return found, reranking.make_batch(reader, trained.model, queries, context)


def reranking_of_12(ground: Ground, arg: str | None) -> dict:
  """The attention reranker: one query, and 1,000 queries 64 at a time.

  `network` has its arrays in memory, `ranker` looks up counts, support and
  vectors first; `together` is the network on a batch at once, which the
  project does not do, as a score would depend on its company.
  """
  trained = reranker(arg)
  queries = ground.many(_MANY)
  found, batch = made(ground, trained, queries)
  scorer = rerank_scoring.Scorer(trained.model, trained.facts.weights)
  params, ranker = jax.device_put(trained.params), ground.ranker(trained)
  at_once = jax.jit(lambda params, batch: rerank_scoring.scores(
      trained.model, params, batch,
      rerank_scoring.of_each(trained.facts.weights, len(batch.valid))),
                    compiler_options=compiling.options())
  cut = lambda at: jax.tree.map(lambda x: x[at], batch)
  parts = [slice(i, i + _BATCH) for i in range(0, _MANY, _BATCH)]
  for at in (parts[0], parts[-1]):
    at_once(params, cut(at))
  return dict(
      width=trained.model.width, layers=trained.model.num_layers,
      one_network=quantiles(lambda i: scorer(params, cut(slice(i, i + 1)))),
      one_ranker=quantiles(lambda i: ranker.scores(
          queries.take(slice(i, i + 1)),
          reranking.take(found, slice(i, i + 1)))),
      many_network=seconds_of(lambda: [
          scorer(params, cut(at)) for at in parts]),
      many_ranker=seconds_of(lambda: ranker.scores(queries, found)),
      many_together=seconds_of(lambda: [
          np.asarray(at_once(params, cut(at))) for at in parts]))


def light_of_768(ground: Ground) -> dict:
  """The light reranker over long lists: ms a query, and where they go."""
  trained = reranker('kind=light')
  queries = ground.many(_BATCH)
  found, batch = made(ground, trained, queries)
  ranker, params = ground.ranker(trained), jax.device_put(trained.params)
  scorer = rerank_scoring.Scorer(trained.model, trained.facts.weights)
  reader = rerank_arrays.Reader(ground.searcher.gallery, ground.around)
  def part(i):
    at = slice(i % _BATCH, i % _BATCH + 1)
    return at, queries.take(at), reranking.take(found, at)
  def context(i):
    _, query, among = part(i)
    return reader.context(query, among, masks.open_mask(1), False)
  contexts = [context(i) for i in range(_BATCH)]
  return dict(
      candidates=float((found.rows >= 0).sum(axis=1).mean()),
      one=quantiles(lambda i: ranker.scores(*part(i)[1:])),
      batch_64=a_query(seconds_of(lambda: ranker.scores(queries, found)),
                       _BATCH),
      one_counts=quantiles(context),
      one_features=quantiles(lambda i: reader.features(contexts[i % _BATCH])),
      one_network=quantiles(lambda i: scorer(params, jax.tree.map(
          lambda x: x[part(i)[0]], batch))))


def embedders(ground: Ground) -> dict[str, Callable[[int], np.ndarray]]:
  """What makes one query's vector, by size of the embedder and by way.

  `encoder` is what the project takes, which fills a block; `alone` one row.
  """
  found, feature = {}, lambda i: ground.features[i % _MANY][None]
  for size in ('quick', 'full'):
    trained = embedder(None if size == 'full' else size)
    encoder = encoding.Encoder(trained.model)
    alone = one_row(trained)
    found[f'{size}_encoder'] = lambda i, encoder=encoder, trained=trained: (
        encoder.images(trained.params, 'photo', feature(i)))
    found[f'{size}_alone'] = lambda i, alone=alone: np.asarray(
        alone(feature(i)))
  return found


def one_row(trained: embedder_files.Trained) -> Callable:
  """The image tower, compiled for whatever it is given."""
  apply = jax.jit(lambda params, x: trained.model.apply(
      {'params': params}, {'photo': x}, method='images')['photo'],
                  compiler_options=compiling.options())
  return lambda x: apply(trained.params, x)


def end_to_end(ground: Ground, arg: str) -> dict:
  """A query's feature to its place, and the parts of the way."""
  trained = reranker(arg)
  sizes, ranker = shortlist.Sizes(**trained.facts.sizes), ground.ranker(trained)
  searcher, mask = ground.search_for(trained), masks.open_mask(1)
  asked = answering.Answering(
      searcher, {}, {'it': answering.Stage(sizes, ranker)})
  lists = [searcher.shortlist(ground.one(i), sizes) for i in range(_BATCH)]
  answer = lambda i: asked.answer(ground.one(i), mask)
  again = searcher.num_scanned_again
  found = dict(
      shortlist=quantiles(
          lambda i: searcher.shortlist(ground.one(i), sizes)),
      scores=quantiles(lambda i: ranker.scores(
          ground.one(i % _BATCH), lists[i % _BATCH], mask)),
      from_vector_to_place=quantiles(answer),
      scanned_again=searcher.num_scanned_again - again)
  for name, encode in embedders(ground).items():
    found[f'whole_{name}'] = quantiles(
        lambda i, encode=encode: (encode(i), answer(i)))
  return found


def channels(ground: Ground) -> dict:
  """One query through each channel of the Searcher, short and long lists."""
  return {f'{name}_{k}': quantiles(
      lambda i, name=name, k=k, searcher=searcher: searcher.search(
          name, ground.one(i).of(name), k))
          for k, searcher in ((12, ground.searcher), (_DEEP, ground.deep))
          for name in types.CHANNELS}


def geoclip(calls: int) -> dict:
  """GeoCLIP's tower over all its places, and the best of them, per query."""
  tower = geoclip_location.GeoClipLocation()
  params = jax.jit(tower.init)(jax.random.key(0), jnp.ones((1, 3)))
  rng = np.random.default_rng(3)
  at = np.stack([rng.uniform(-90, 90, _GEOCLIP_PLACES),
                 rng.uniform(-180, 180, _GEOCLIP_PLACES)], axis=1)
  query = rng.normal(size=(tower.out_dim,)).astype(np.float32)
  best = jax.jit(lambda params, at, query: (residual.unit(tower.apply(
      params, at, method='from_degrees')) * query[None]).sum(axis=1),
                 compiler_options=compiling.options())
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
  found = dict(
      rows=args.rows, targets=TARGETS, platform=platform.platform(),
      cores=os.cpu_count(), versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d'), load={})
  with tempfile.TemporaryDirectory() as name:
    path = args.folder or pathlib.Path(name) / 'gallery'
    build(path, args.rows)
    ground = opened(path)
    found['tuned'] = ground.tuned
    for part, measure in (
        ('light_768', lambda: light_of_768(ground)),
        ('channels', lambda: channels(ground)),
        ('embedding', lambda: {
            name: quantiles(run) for name, run in embedders(ground).items()}),
        ('end_to_end_attention', lambda: end_to_end(ground, 'quick')),
        ('end_to_end_light', lambda: end_to_end(ground, 'kind=light')),
        ('geoclip', lambda: geoclip(args.geoclip_calls)),
        ('reranking_12_quick', lambda: reranking_of_12(ground, 'quick')),
        ('reranking_12_full', lambda: reranking_of_12(ground, None))):
      found[part] = measure()
      found['load'][part] = os.getloadavg()[0]
      print(part, found[part], flush=True)
      run_record.write_json(args.out, found)


if __name__ == '__main__':
  main()
