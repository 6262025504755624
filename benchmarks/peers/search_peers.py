"""Approximate search by faiss, hnswlib or usearch, asked line by line.

  .venv-peers/bin/python benchmarks/peers/search_peers.py --folder=DIR

DIR holds rows.npy and queries.npy. Each line on stdin is a JSON request,
{"engine": ..., "build": {...}} or {"engine": ..., "k": ..., "effort": [...]},
answered by one JSON line; found rows are written to DIR/ENGINE.npy. our_faiss
is this package's index by faiss, where tune_index would take that.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np


class Faiss:
  """Inverted lists, four-bit fast-scan codes, the best rescored in float32."""

  def __init__(self, rows, threads, num_leaves):
    import faiss
    self.faiss = faiss
    faiss.omp_set_num_threads(threads)
    dim = rows.shape[1]
    self.index = faiss.index_factory(
        dim, f'IVF{num_leaves},PQ{dim // 2}x4fs,RFlat',
        faiss.METRIC_INNER_PRODUCT)
    self.index.train(rows[::max(1, len(rows) // 100_000)])
    self.index.add(rows)

  def search(self, queries, k, leaves, reorder):
    parameters = self.faiss.IndexRefineSearchParameters(
        k_factor=max(1., reorder / k),
        base_index_params=self.faiss.IVFSearchParameters(nprobe=leaves))
    return self.index.search(queries, k, params=parameters)[1]


class OurFaiss:
  """Faiss in our index: no answer depends on the other queries."""

  def __init__(self, rows, threads):
    root = pathlib.Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(root))
    from pinpoint_jax.search import ann, ann_faiss, vectors
    self.index = ann_faiss.FaissIndex.build(
        vectors.Vectors(rows), ann.settings_for_rows(len(rows)), '')
    ann_faiss.faiss.omp_set_num_threads(threads)

  def search(self, queries, k, leaves, reorder):
    return self.index.with_effort(leaves, reorder).search(queries, k).rows


class Hnswlib:
  """A graph of neighbours."""

  def __init__(self, rows, threads, links):
    import hnswlib
    self.index = hnswlib.Index('ip', rows.shape[1])
    self.index.init_index(len(rows), M=links, ef_construction=200)
    self.index.set_num_threads(threads)
    self.index.add_items(rows)

  def search(self, queries, k, width):
    self.index.set_ef(max(width, k))
    return self.index.knn_query(queries, k)[0]


class Usearch:
  """A graph of neighbours."""

  def __init__(self, rows, threads, links):
    from usearch.index import Index
    self.threads = threads
    self.index = Index(ndim=rows.shape[1], metric='ip', dtype='f32',
                       connectivity=links, expansion_add=200)
    self.index.add(np.arange(len(rows)), rows, threads=threads)

  def search(self, queries, k, width):
    self.index.expansion_search = max(width, k)
    return self.index.search(queries, k, threads=self.threads).keys


ENGINES = dict(faiss=Faiss, our_faiss=OurFaiss, hnswlib=Hnswlib,
               usearch=Usearch)


def answer(request, folder, built, threads):
  """Builds or searches, and says how long it took."""
  engine = request['engine']
  started, cpu = time.perf_counter(), time.process_time()
  if 'build' in request:
    rows = np.load(folder / 'rows.npy')
    started, cpu = time.perf_counter(), time.process_time()
    built[engine] = ENGINES[engine](rows, threads, **request['build'])
  else:
    queries = np.load(folder / 'queries.npy')[:request['batch']]
    started, cpu = time.perf_counter(), time.process_time()
    result = built[engine].search(queries, request['k'], *request['effort'])
  wall, cpu = time.perf_counter() - started, time.process_time() - cpu
  if 'build' not in request:
    np.save(folder / f'{engine}.npy', result)
  return dict(wall_s=wall, cpu_s=cpu)


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument('--folder', type=pathlib.Path, required=True)
  parser.add_argument('--threads', type=int, default=2)
  args = parser.parse_args()
  built = {}
  for line in sys.stdin:
    result = answer(json.loads(line), args.folder, built, args.threads)
    print(json.dumps(result), flush=True)


if __name__ == '__main__':
  main()
