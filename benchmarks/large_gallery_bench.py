r"""A gallery from 10,000 to 10 million rows: built, verified, searched.

  python -m benchmarks.large_gallery_bench --rows 10000 100000 1000000 \
    --out=benchmarks/results/suite/large_gallery.json
  python -m benchmarks.large_gallery_bench --rows 10000000 --raw=int8 \
    --folder=DIR --out=benchmarks/results/suite/large_gallery.json

Rows are a world of Synthetic Earth 2 at feature level (synthetic), one photo to
four street views; its embedder is solved on 200,000 of each. All of it is what
a user would run, stage by stage, each in a process of its own with its time and
its peak memory. A gallery grows by segments of --segment_rows, so that no more
than one of them is in memory while an index is built. Stopped, the same command
goes on with the stage that is missing; --folder keeps what was built, and other
words of the command line than it was begun with are refused.

Cost: a query's three lists of 12 rows at the least effort that fills 95 % of
the places with a row as good as the twelfth best of its segment (--target),
tuned on other photos by new authors. Rows are not told apart by number: frames
of one place have the same place embedding, and any of them is as good.
"""

import argparse
import collections
from collections.abc import Callable
import json
import math
import operator
import pathlib
import sys
import tempfile
import time

from experiments import train_embedder
from experiments.configs import demo
from experiments.run import run_record
from input_pipeline.feature_earth import settings, stores
from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.candidates import queries as queries_lib
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.features import store as store_lib
from pinpoint_jax.features import store_writer
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import indexes, neighbours, verify, writer
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.search import ann, ann_tuning
from pinpoint_jax.search import recall as recalls

from benchmarks import clocks, stages

_K = 12
# Rows of one place differ by less than four-bit codes can tell.
_REORDERS = (120, 480, 1920, 7680)
# Rows looked at by their codes in the time in which one is scored again.
_CODES_A_ROW = 16
_TUNED_ON, _CHECKED, _TIMED = 512, 256, 201
NUM_QUERIES = _TUNED_ON + _CHECKED
# Rows of a town in the full size of Synthetic Earth; cities are 145,000.
_TOWN_ROWS, _MOST_TOWNS = 48, 40_000
_LIMIT_S = 6 * 3600.


def world(num_rows: int, num_rerank: int = NUM_QUERIES,
          num_queries: int = NUM_QUERIES) -> worlds.World:
  """One photo to four street views, as many towns as rows ask for."""
  towns = min(max(num_rows // _TOWN_ROWS, 60), _MOST_TOWNS)
  return worlds.World('default', 0, settings.Size(
      towns, towns, num_rows // 5, num_rows - num_rows // 5, num_rerank,
      num_queries))


def write_part(path: pathlib.Path, made: worlds.World, split: str,
               numbers: range) -> None:
  """Some blocks of a split as a feature store, unless it is there."""
  if path.exists():
    return
  tables = [made.photos(split, block) for block in numbers]
  photos = types.Photos(
      *(np.concatenate([getattr(table, name) for table in tables])
        for name in ('ids', 'latlng_deg', 'authors', 'sequences')),
      worlds.source_of(split))
  store_writer.write(path, photos, (
      made.features(split, block) for block in numbers), made.size.dim,
      stores.origin(made))


def write_world(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """Stores of both galleries, a part for each segment, and of queries."""
  made = world(args.rows[0], args.rerank, args.queries)
  num_parts = math.ceil(args.rows[0] / args.segment_rows)
  for source in types.SOURCES:
    split = f'gallery_{source}'
    edges = np.linspace(0, made.num_blocks(split), num_parts + 1).astype(int)
    for part, (first, last) in enumerate(zip(edges[:-1], edges[1:])):
      if first < last:
        write_part(folder / 'stores' / f'{source}_{part:02d}', made, split,
                   range(first, last))
  for split in ('query_photo_new', 'rerank_photo'):
    write_part(folder / 'stores' / split, made, split,
               range(made.num_blocks(split)))
  return dict(towns=made.size.num_towns, parts=num_parts)


def gallery_stores(folder: pathlib.Path, source: str) -> list[pathlib.Path]:
  """Stores of one source of the gallery, part by part."""
  return sorted((folder / 'stores').glob(f'{source}_[0-9]*'))


def solve_embedder(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """The demo's embedder, solved on at most 200,000 rows of each source."""
  config = demo.get_config(args.size).embedder.copy_and_resolve_references()
  for source in types.SOURCES:
    config.stores[source] = ','.join(map(str, gallery_stores(folder, source)))
  train_embedder.train(config, folder / 'embedder')
  return dict(dim=config.model.dim)


def build_gallery(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """A segment for each part, encoded and written."""
  trained = embedder_files.load(folder / 'embedder' / 'model')
  encoder, path = encoding.Encoder(trained.model), folder / 'gallery'
  parts = sorted({store.name[-2:] for source in types.SOURCES
                  for store in gallery_stores(folder, source)})
  for number, part in enumerate(parts):
    of_part = [store for source in types.SOURCES
               for store in gallery_stores(folder, source)
               if store.name.endswith(part)]
    if number:
      writer.add(path, trained, of_part, encoder=encoder)
    else:
      writer.build(path, trained, of_part, writer.Settings(raw=args.raw),
                   replace=True, encoder=encoder)
  gallery = galleries.open_gallery(path)
  return dict(rows=len(gallery), segments=len(gallery.segments),
              bytes_per_row=num_bytes(path / 'segments') / len(gallery))


def build_indices(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """An index of each channel of each segment that is large enough."""
  num_built = indexes.build(folder / 'gallery', args.engine)
  gallery = galleries.open_gallery(folder / 'gallery')
  return dict(built=num_built, engine=indexes.engine(gallery),
              bytes_per_row=num_bytes(folder / 'gallery' / 'index')
              / len(gallery))


def list_neighbours(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """Neighbour lists and density, which rerankers read."""
  neighbours.build_beside(folder / 'gallery')
  rows = len(galleries.open_gallery(folder / 'gallery'))
  return dict(bytes_per_row=num_bytes(folder / 'gallery' / 'neighbours') / rows)


def verify_gallery(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """Every byte read again; refused where one is wrong."""
  return dict(rows=verify.verify(folder / 'gallery')['rows'])


def search_gallery(folder: pathlib.Path, args: argparse.Namespace) -> dict:
  """Tunes each index, then times single queries and a batch."""
  gallery = galleries.open_gallery(folder / 'gallery')
  asked = photos(folder, 'query_photo_new')
  tune_on, rest = (asked.take(slice(_TUNED_ON)),
                   asked.take(slice(_TUNED_ON, NUM_QUERIES)))
  indices, efforts = indexes.load(gallery), {}
  for place in indexes.places(gallery):
    key = place.segment.name, place.channel
    if key in indices:
      indices[key] = tuned(indices[key], place, tune_on.of(place.channel),
                           args.target)
      indexes.replace(gallery, place, indices[key])
      efforts.setdefault(place.channel, []).append(
          [indices[key].settings.leaves_to_search,
           indices[key].settings.reorder])
  searcher = search.Searcher(gallery, indices)
  depths = dict.fromkeys(searcher.channels, _K)
  single = clocks.quantiles(lambda i: searcher.lists(
      rest.take(slice(i % len(rest), i % len(rest) + 1)), depths), _TIMED)
  batch = clocks.a_query(clocks.seconds_of(
      lambda: searcher.lists(rest, depths)), len(rest))
  return dict(leaves_and_reorder=efforts, one_query=single, batch=batch,
              recall=recall(gallery, searcher, rest),
              scanned_again=searcher.num_scanned_again)


def photos(folder: pathlib.Path, split: str) -> shortlist.Queries:
  """Queries of a split as vectors."""
  trained = embedder_files.load(folder / 'embedder' / 'model')
  opened = store_lib.open_store(folder / 'stores' / split)
  gallery = galleries.open_gallery(folder / 'gallery')
  return queries_lib.encode(
      trained, encoding.Encoder(trained.model), opened.photos,
      opened.rows(np.arange(len(opened))), gallery.manifest['raw'] != 'off')


def efforts(index: ann.Index) -> list[tuple[int, int]]:
  """Leaves to look into and rows to score again, cheapest first."""
  num_leaves, rows = index.settings.num_leaves, len(index)
  leaves = [2**i for i in range(int(math.log2(num_leaves)) + 1)]
  return sorted(((some, reorder) for some in leaves for reorder in _REORDERS
                 if reorder <= max(rows, _REORDERS[0])),
                key=lambda effort: effort[0] * rows / num_leaves / _CODES_A_ROW
                + effort[1])


def tuned(index: ann.Index, place: indexes.Place, queries: np.ndarray,
          target: float) -> ann.Index:
  """The index at the least effort that finds enough, or else at the most."""
  asked = ann_tuning.ask(queries, place.vectors, _K)
  for effort in efforts(index):
    index = index.with_effort(*effort)
    if asked.as_good(index.search(queries, _K).rows) >= target:
      break
  return index


def recall(gallery: galleries.Gallery, searcher: search.Searcher,
           asked: shortlist.Queries) -> dict[str, float]:
  """Share of rows as good as the twelfth of the whole gallery, by channel."""
  plain = search.Searcher(gallery)
  return {name: recalls.as_good(
      searcher.search(name, asked.of(name), _K).scores,
      plain.search(name, asked.of(name), _K)) for name in searcher.channels}


def num_bytes(folder: pathlib.Path) -> int:
  """Of all files below a folder."""
  return sum(x.stat().st_size for x in folder.rglob('*') if x.is_file())


STAGES: dict[str, Callable[[pathlib.Path, argparse.Namespace], dict]] = {
    'world': write_world, 'embedder': solve_embedder, 'gallery': build_gallery,
    'index': build_indices, 'neighbours': list_neighbours,
    'verify': verify_gallery, 'search': search_gallery}


def asked(rows: int, args: argparse.Namespace) -> list[str]:
  """What decides what is built, in the words of the command line."""
  return [f'--rows={rows}', f'--raw={args.raw}', f'--engine={args.engine}',
          f'--segment_rows={args.segment_rows}', f'--rerank={args.rerank}',
          f'--queries={args.queries}', f'--target={args.target}',
          *([f'--size={args.size}'] if args.size else [])]


def check_asked(folder: pathlib.Path, words: list[str]) -> None:
  """Ends the program where the folder was begun with other words."""
  path = folder / 'asked.json'
  if not path.exists():
    run_record.write_json(path, words)
  held = json.loads(path.read_text())
  if held != words:
    raise SystemExit(
        f'{folder} was begun with {" ".join(held)}, now asked for is '
        f'{" ".join(words)}: name another --folder, or delete this one')


def built(folder: pathlib.Path, rows: int) -> bool:
  """Whether every stage was run there, on so many rows."""
  paths = {name: folder / f'{name}.json' for name in STAGES}
  return all(path.exists() for path in paths.values()) and (
      json.loads(paths['gallery'].read_text())['rows'] == rows)


def measure(folder: pathlib.Path, rows: int, args: argparse.Namespace,
            names: tuple[str, ...] = tuple(STAGES)) -> dict:
  """Runs the stages that have not been run on those rows yet."""
  check_asked(folder, asked(rows, args))
  for name in names:
    out = folder / f'{name}.json'
    if out.exists():
      continue
    took = stages.run(
        [sys.executable, '-m', 'benchmarks.large_gallery_bench',
         f'--stage={name}', f'--folder={folder}', *asked(rows, args),
         f'--out={folder / "found.json"}'], _LIMIT_S, folder / f'{name}.log')
    if took['ended'] != 'done':
      raise RuntimeError(f'stage {name} of {rows:,} rows {took["ended"]}: read '
                         f'{folder / f"{name}.log"}')
    run_record.write_json(out, took | json.loads(
        (folder / 'found.json').read_text()))
  return {name: json.loads((folder / f'{name}.json').read_text())
          for name in names}


def summary(rows: int, raw: str, found: dict) -> dict:
  """The figures of one size that a table shows, then all of them."""
  build = ('embedder', 'gallery', 'index')
  searched = found['search']
  return dict(
      rows=rows, raw=raw, processor=stages.processor(),
      built_s=sum(found[x]['wall_s'] for x in build),
      built_cpu_s=sum(found[x]['cpu_s'] for x in build),
      verified_s=found['verify']['wall_s'],
      peak_gib=max(stage['peak_gib'] for stage in found.values()),
      bytes_per_row=found['gallery']['bytes_per_row'],
      index_bytes_per_row=found['index']['bytes_per_row'],
      one_query_ms=searched['one_query']['wall_p50_ms'],
      one_query_cpu_ms=searched['one_query']['cpu_p50_ms'],
      batch_cpu_ms=searched['batch']['cpu_ms'],
      recall=min(searched['recall'].values()), stages=found)


def alike(sizes: list[dict]) -> list[dict]:
  """Sizes that one kind of processor measured: the one that has most of them.

  What two machines took cannot be compared.
  """
  count = collections.Counter(one['processor'] for one in sizes)
  return [one for one in sizes
          if one['processor'] == max(count, key=lambda name: count[name])]


def growth(sizes: list[dict]) -> float | None:
  """By which power of the rows a query's cost grows, first size to last."""
  sizes = alike(sizes)
  if len(sizes) < 2:
    return None
  first, last = sizes[0], sizes[-1]
  return (math.log(last['one_query_cpu_ms'] / first['one_query_cpu_ms'])
          / math.log(last['rows'] / first['rows']))


def add_size(path: pathlib.Path, one: dict) -> None:
  """Puts one size among those of the file of results, smallest first."""
  held = json.loads(path.read_text())['sizes'] if path.exists() else []
  same = operator.itemgetter('rows', 'raw', 'processor')
  kept = [x for x in held if same(x) != same(one)]
  sizes = sorted([*kept, one], key=lambda x: (x['processor'], x['rows']))
  run_record.write_json(path, dict(
      sizes=sizes, growth=growth(sizes), versions=run_record.versions(),
      git=run_record.git_revision(), date=time.strftime('%Y-%m-%d')))


def arguments(words: list[str] | None = None) -> argparse.Namespace:
  """Those of the command line, or of these words."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, nargs='*',
                      default=[10_000, 100_000, 1_000_000])
  parser.add_argument('--raw', choices=('int8', 'float16', 'off'),
                      default='int8')
  parser.add_argument('--engine', default='scann')
  parser.add_argument('--segment_rows', type=int, default=2_500_000)
  parser.add_argument('--target', type=float, default=.95,
                      help='share of the places that an index must fill')
  parser.add_argument('--rerank', type=int, default=NUM_QUERIES,
                      help='photos of known place that are not in the gallery')
  parser.add_argument('--queries', type=int, default=NUM_QUERIES,
                      help='photos by new authors')
  parser.add_argument('--size', help='of the embedder, in the words of the '
                      'config of the demo: quick is for tests')
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--folder', type=pathlib.Path, help='keep what is built')
  parser.add_argument('--stage', choices=STAGES, help='one stage of one size')
  return parser.parse_args(words)


def main() -> None:
  """Measures every size, writes after each."""
  args = arguments()
  if args.stage:
    figures = STAGES[args.stage](args.folder, args)
    run_record.write_json(args.out, figures)
    return
  with tempfile.TemporaryDirectory() as name:
    for rows in args.rows:
      folder = (args.folder or pathlib.Path(name)) / f'{rows}_{args.raw}'
      one = summary(rows, args.raw, measure(folder, rows, args))
      print(json.dumps({x: one[x] for x in one if x != 'stages'}), flush=True)
      add_size(args.out, one)


if __name__ == '__main__':
  main()
