"""faiss IndexFlatIP, one batch for each line read; runs with faiss alone.

Reads gallery.npy and queries.npy of --folder, prints 'ready', then answers
each line 'BATCH K' with the seconds of one search and saves its rows once.
"""

import argparse
import pathlib
import sys
import time

import faiss
import numpy as np


def main() -> None:
  """Builds, then answers lines."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--folder', required=True, type=pathlib.Path)
  parser.add_argument('--threads', type=int, default=2)
  args = parser.parse_args()
  faiss.omp_set_num_threads(args.threads)
  gallery = np.load(args.folder / 'gallery.npy', mmap_mode='r')
  queries = np.load(args.folder / 'queries.npy')
  index = faiss.IndexFlatIP(gallery.shape[1])
  index.add(gallery)
  print('ready', flush=True)
  for line in sys.stdin:
    batch, k = map(int, line.split())
    started = time.perf_counter()
    _, rows = index.search(queries[:batch], k)
    seconds = time.perf_counter() - started
    np.save(args.folder / 'rows.npy', rows)
    print(seconds, flush=True)


if __name__ == '__main__':
  main()
