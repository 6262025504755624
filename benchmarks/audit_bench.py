"""CPU seconds of an audit: pairs by name and place, by feature, by picture.

  python -m benchmarks.audit_bench --rows=1000000 --queries=5000 --dim=1536 \\
    --out=benchmarks/results/audit.json

Rows are made up: clustered features as in exact_bench, places of towns,
thumbnails of smooth noise. CPU seconds are of all threads together; two cores
that do nothing else take about half of them. The peak of memory counts what is
held from before, which are the rows themselves.
"""

import argparse
import json
import pathlib
import tempfile

from experiments.run import run_record
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.audit import copies, features, pairs, prints, table
from pinpoint_jax.gallery import columns
from pinpoint_jax.images import fingerprint
from pinpoint_jax.search import vectors

from benchmarks import clocks, exact_bench, index_build_bench

_AUTHORS, _TOWNS = 50_000, 20_000
_NEAR = {'near_25m': .025, 'near_100m': .1, 'near_1km': 1.}


def places(rng: np.random.Generator, count: int) -> np.ndarray:
  """Around towns, a few kilometres wide."""
  towns = np.stack([rng.uniform(-60, 70, _TOWNS),
                    rng.uniform(-179, 179, _TOWNS)], axis=1)
  return towns[rng.integers(_TOWNS, size=count)] + rng.normal(
      scale=.05, size=(count, 2))


def thumbnails(rng: np.random.Generator, count: int) -> np.ndarray:
  """Fingerprints whose luma and chroma are smooth."""
  made = np.empty((count, fingerprint.NUM_BYTES), np.uint8)
  made[:, :16] = rng.integers(256, size=(count, 16), dtype=np.uint8)
  start = 16
  for side in (fingerprint.LUMA_SIDE, *[fingerprint.CHROMA_SIDE] * 2):
    wave = np.cos(np.pi * np.arange(8)[:, None] * (np.arange(side) + .5) / side)
    for part in blocks.slices(count, 4096):
      weights = rng.normal(size=(part.stop - part.start, 8, 8)) * 12
      picture = np.clip(128 + wave.T @ weights @ wave, 0, 255)
      made[part, start:start + side**2] = picture.reshape(-1, side**2)
    start += side**2
  return made


def main() -> None:
  """Makes rows, measures, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--queries', type=int, default=5000)
  parser.add_argument('--dim', type=int, default=1536)
  parser.add_argument('--parts', default='names,features,pictures')
  parser.add_argument('--out', type=pathlib.Path, required=True)
  words = parser.parse_args()
  rng = np.random.default_rng(0)
  names = np.arange(_AUTHORS).astype(np.str_)
  ids = np.strings.add('r', np.arange(words.rows).astype(np.str_))
  coded = columns.Coded(rng.integers(_AUTHORS, size=words.rows, dtype=np.int32),
                        names)
  queries = types.Photos(
      np.strings.add('q', np.arange(words.queries).astype(np.str_)),
      places(np.random.default_rng(0), words.queries),
      names[rng.integers(_AUTHORS, size=words.queries)],
      np.full(words.queries, ''), 'photo')
  raw, asked = (), vectors.Vectors(np.zeros((0, words.dim), np.float32))
  with tempfile.TemporaryDirectory() as folder:
    if 'features' in words.parts:
      made = exact_bench.clustered(words.rows, words.dim)
      asked = vectors.Vectors(made[rng.integers(
          words.rows, size=words.queries)].astype(np.float16))
      raw = (exact_bench.held('float16', pathlib.Path(folder), made),)
      del made
    rows = table.Table(
        ids, places(np.random.default_rng(0), words.rows),
        np.zeros(words.rows, np.uint8), coded, coded, np.zeros(0, np.int64),
        raw, {}, '')
    jobs = {
        'names': lambda: pairs.of_tables(queries, rows, _NEAR),
        'features': lambda: features.find(queries, asked, rows)}
    if 'pictures' in words.parts:
      stored = prints.in_memory(ids, rows.latlng_deg,
                                thumbnails(rng, words.rows))
      seen = stored.take(rng.integers(words.rows, size=words.queries))
      jobs['pictures'] = lambda: copies.Finder(
          stored, np.arange(words.rows)).find(seen)
    result = {}
    for name in words.parts.split(','):
      index_build_bench.forget_peak()
      wall, cpu = clocks.timed(jobs[name])
      result[name] = {'cpu_s': round(cpu, 1), 'wall_s': round(wall, 1),
                      'peak_gib': round(index_build_bench.peak_gib(), 1)}
      print(name, result[name], flush=True)
  words.out.write_text(json.dumps({
      'rows': words.rows, 'queries': words.queries, 'dim': words.dim,
      'parts': result, 'versions': run_record.versions()}, indent=1) + '\n')


if __name__ == '__main__':
  main()
