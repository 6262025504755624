"""`evaluate --predictions` at the size of OSV-5M's test set.

Writes a truth as OSV-5M lays it out (210,122 rows, its columns, names from the
table of cities) and predictions of it, all made up, and runs the binary: five
distances, place names at four levels, intervals by photographer, then without
photographers, where every photo is resampled by itself. The target is 60 s on
two cores; the CPU seconds tell on a busy machine, too.
"""

import argparse
import csv
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from experiments.run import run_record
import numpy as np
from pinpoint_jax.geo import places

NUM_ROWS = 210_122
# Columns of test.csv that scoring does not read, and about how they look.
_OTHERS = {'thumb_original_url': 'https://example.invalid/' + 'x' * 180,
           'captured_at': '1577836800000', 'lon_bin': '12.0', 'lat_bin': '3.0',
           'cell': '4321', 'land_cover': '2.0', 'road_index': '1.75',
           'drive_side': '1.0', 'climate': '14.0', 'soil': '6.0',
           'dist_sea': '123.456', 'quadtree_10_5000': '271',
           'quadtree_10_1000': '1405'}


def write_inputs(folder: pathlib.Path, num_rows: int, num_files: int) -> None:
  """truth.csv, alone.csv without authors, and predictions_0.csv and so on."""
  rng = np.random.default_rng(0)
  cities = places.load_cities()
  chosen = rng.integers(len(cities), size=num_rows)
  truth = np.clip(cities.latlng_deg[chosen] + rng.normal(
      0, .05, (num_rows, 2)), (-89, -179), (89, 179))
  creators = rng.zipf(1.5, num_rows) % 20_000
  head = ['id', 'latitude', 'longitude', 'unique_country', 'unique_region',
          'unique_sub-region', 'unique_city']
  with (folder / 'truth.csv').open('w', newline='') as known, (
      folder / 'alone.csv').open('w', newline='') as unknown:
    writer, alone = csv.writer(known), csv.writer(unknown)
    writer.writerow([*head, 'sequence', 'creator_id', *_OTHERS])
    alone.writerow(head)
    for row, city in enumerate(chosen):
      parts = [cities.names[city], cities.admin2[city], cities.admin1[city],
               cities.countries[city]]
      names = ['_'.join(parts[level:]) if parts[level] else 'nan'
               for level in (3, 2, 1, 0)]
      line = [f'{10**12 + row}', *truth[row], *names]
      alone.writerow(line)
      writer.writerow([*line, f's{row // 4}', f'c{creators[row]}',
                       *_OTHERS.values()])
  for number in range(num_files):
    spread = 10. ** rng.uniform(-3, 1.5, (num_rows, 1))
    answers = np.clip(truth + spread * rng.normal(size=(num_rows, 2)),
                      (-90, -180), (90, 180))
    with (folder / f'predictions_{number}.csv').open('w') as file:
      file.write('id,lat,lng\n')
      file.writelines(f'{10**12 + row},{lat!r},{lng!r}\n' for row, (lat, lng)
                      in enumerate(answers.tolist()))


def measure(folder: pathlib.Path, truth: str,
            num_files: int) -> dict[str, float]:
  """Wall and CPU seconds and the most memory of the binary."""
  paths = [str(folder / f'predictions_{i}.csv') for i in range(num_files)]
  before = resource.getrusage(resource.RUSAGE_CHILDREN)
  started = time.perf_counter()
  subprocess.run(
      [sys.executable, '-m', 'experiments.evaluate',
       f'--predictions={",".join(paths)}', f'--truth={folder / truth}',
       f'--out={folder / "scores.json"}', '--query_source=street'], check=True,
      stdout=subprocess.DEVNULL)
  wall = time.perf_counter() - started
  after = resource.getrusage(resource.RUSAGE_CHILDREN)
  return {'wall_s': wall,
          'cpu_s': (after.ru_utime + after.ru_stime
                    - before.ru_utime - before.ru_stime),
          'max_rss_gb': after.ru_maxrss / 1e6}


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--num_rows', type=int, default=NUM_ROWS)
  parser.add_argument('--num_files', type=int, default=1)
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    write_inputs(folder, args.num_rows, args.num_files)
    figures = {truth: measure(folder, f'{truth}.csv', args.num_files)
               for truth in ('truth', 'alone')}
  print(figures)
  run_record.write_json(args.out, {
      'num_rows': args.num_rows, 'num_files': args.num_files, **figures,
      'load': os.getloadavg(), 'cores': os.cpu_count(),
      'versions': run_record.versions(), 'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
