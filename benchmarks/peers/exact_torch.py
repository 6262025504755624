"""Exact search by torch on a device, one batch for each line read.

Reads gallery.npy and queries.npy of --folder and puts the gallery on --device
as it is stored, prints 'ready', then answers each line 'WAY BATCH K' with the
seconds of one search, from queries on the host to rows on the host, and saves
its rows. WAY is eager or compiled. Products are of float32, without TF32.
"""

import argparse
import pathlib
import sys
import time

import numpy as np
import torch

# Rows whose scores are held at once: 1 GB of float32 for 256 queries.
CHUNK = 1 << 20
QUERIES = 256


def nearest(queries, gallery, k):
  """The k best rows of each query, a chunk of rows after the other."""
  scores = torch.full((len(queries), 0), 0., device=queries.device)
  rows = torch.full((len(queries), 0), 0, device=queries.device)
  for start in range(0, len(gallery), CHUNK):
    part = gallery[start:start + CHUNK].float()
    best, place = (queries @ part.T).topk(k, dim=1)
    scores = torch.cat([scores, best], 1)
    rows = torch.cat([rows, place + start], 1)
    scores, place = scores.topk(k, dim=1)
    rows = rows.gather(1, place)
  return rows


def main() -> None:
  """Puts the gallery where it is searched, then answers lines."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--folder', required=True, type=pathlib.Path)
  parser.add_argument('--device', default='cpu')
  args = parser.parse_args()
  torch.set_float32_matmul_precision('highest')
  gallery = torch.from_numpy(np.load(args.folder / 'gallery.npy')).to(
      args.device)
  queries = torch.from_numpy(np.load(args.folder / 'queries.npy'))
  ways = {'eager': nearest, 'compiled': torch.compile(nearest)}
  print('ready', flush=True)
  for line in sys.stdin:
    way, batch, k = line.split()
    started = time.perf_counter()
    with torch.inference_mode():
      rows = torch.cat([
          ways[way](part.to(args.device), gallery, int(k)).cpu()
          for part in queries[:int(batch)].split(QUERIES)]).numpy()
    seconds = time.perf_counter() - started
    np.save(args.folder / 'rows.npy', rows)
    print(seconds, flush=True)


if __name__ == '__main__':
  main()
