"""What fewer bytes a row cost in answers.

  python -m benchmarks.compression_bench \\
    --out=benchmarks/results/compression.json \\
    --gallery=DEMO/features/gallery_street/store \\
    --queries=DEMO/features/query_street/store

Every storage is searched whole and set against float32: on clustered rows
that nobody learned from, and, where stores are given, on real features by
how near the place of the nearest row lies to the true one.
"""

import argparse
import json
import math
import pathlib

from experiments.run import run_record
import numpy as np
from pinpoint_jax.features import store
from pinpoint_jax.geo import distance
from pinpoint_jax.search import exact, recall, vectors
from scann.scann_ops.py import scann_ops_pybind

from benchmarks import search_bench

_K = 10


def unit(rows: np.ndarray) -> np.ndarray:
  """Rows of length one, float32."""
  rows = rows.astype(np.float32)
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_codes(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
  """The best rows by four-bit codes alone, all codes scored."""
  builder = scann_ops_pybind.builder(rows, _K, 'dot_product').score_ah(
      2, anisotropic_quantization_threshold=math.nan,
      training_sample_size=min(len(rows), 100_000))
  return builder.build().search_batched(queries, _K)[0].astype(np.int64)


def found(rows: np.ndarray, queries: np.ndarray) -> dict:
  """Bytes a row, and the ten best of each query, by storage."""
  dim = rows.shape[1]
  search = lambda held: exact.search(queries, held, _K).rows
  return {
      'float32': (4 * dim, search(vectors.Vectors(rows))),
      'float16': (2 * dim, search(vectors.Vectors(rows.astype(np.float16)))),
      'int8': (dim + 4, search(vectors.quantise(rows))),
      'codes': (dim / 4, by_codes(rows, queries))}


def curve(rows: np.ndarray, queries: np.ndarray) -> dict:
  """Recall of float32's best one and best ten, by storage."""
  lists = found(rows, queries)
  right = lists['float32'][1]
  return {name: dict(
      bytes_per_row=size,
      recall_1=float(np.mean(near[:, 0] == right[:, 0])),
      recall_10=recall.by_row(near, right))
          for name, (size, near) in lists.items()}


def real_curve(gallery: store.FeatureStore,
               queries: store.FeatureStore) -> dict:
  """As `curve`, and how often the nearest row lies near the true place."""
  rows, asked = (unit(one.rows(np.arange(len(one))))
                 for one in (gallery, queries))
  answers = curve(rows, asked)
  for name, (_, near) in found(rows, asked).items():
    km = distance.haversine_km(gallery.photos.latlng_deg[near[:, 0]],
                               queries.photos.latlng_deg)
    answers[name] |= {f'acc@{limit}km': float(np.mean(km <= limit))
                      for limit in (25, 750)}
  return dict(rows=len(rows), queries=len(asked), dim=rows.shape[1],
              storage=answers)


def main() -> None:
  """Adds the curve to the file of results."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--rows', type=int, default=50_000)
  parser.add_argument('--gallery', type=pathlib.Path)
  parser.add_argument('--queries', type=pathlib.Path)
  args = parser.parse_args()
  both = search_bench.clustered(args.rows + 512, 256)
  result = dict(clustered=dict(
      rows=args.rows, queries=512, dim=256,
      storage=curve(both[:args.rows], both[args.rows:])))
  if args.gallery:
    result['real'] = real_curve(store.open_store(args.gallery),
                                store.open_store(args.queries))
  print(json.dumps(result, indent=1))
  old = json.loads(args.out.read_text()) if args.out.exists() else {}
  run_record.write_json(args.out, old | dict(compression=result))


if __name__ == '__main__':
  main()
