"""Distances and metrics on ten million pairs; `make bench` runs it.

The target is haversine and all figures in under 10 s on two cores.
"""

import argparse
import pathlib
import time

from experiments.run import run_record
import numpy as np
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import coords, distance


def measure(num_pairs: int) -> dict[str, float]:
  """Seconds per part, [haversine, geodesic, figures]."""
  rng = np.random.default_rng(0)
  truth, answers = (coords.to_latlng_deg(rng.normal(size=(num_pairs, 3)))
                    for _ in range(2))
  seconds = {}
  for name in ('haversine', 'geodesic'):
    started = time.perf_counter()
    dist_km = distance.distance_fn(name)(truth, answers)
    seconds[name] = time.perf_counter() - started
  clusters = np.broadcast_to(np.asarray('i:0'), num_pairs)
  started = time.perf_counter()
  metrics.summarise(metrics.Errors(dist_km, clusters))
  seconds['figures'] = time.perf_counter() - started
  return seconds


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--num_pairs', type=int, default=10_000_000)
  args = parser.parse_args()
  seconds = measure(args.num_pairs)
  total = seconds['haversine'] + seconds['figures']
  for name, value in seconds.items():
    print(f'{name:10} {value:6.2f} s')
  print(f'haversine and figures: {total:.2f} s for {args.num_pairs:,} pairs')
  run_record.write_json(args.out, {
      'num_pairs': args.num_pairs, 'seconds': seconds,
      'versions': run_record.versions(), 'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
