"""Seconds per photo of the backbones that one may meet first, on this machine.

  python -m benchmarks.backbones_bench --out=benchmarks/results/backbones.json

From uint8 pixels to features, float32, photos one at a time and in batches;
passes are taken in turn, so that a busy machine is busy for all. The CPU's
seconds are those of all threads together. SigLIP 2 has random weights, which
take as long as trained ones; larger sizes are scaled by their FLOP.
"""

import argparse
import pathlib

from experiments.run import run_record
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.features import backbones
from pinpoint_jax.images import preprocess
from pinpoint_jax.models import transformer, vit
from pinpoint_jax.pretrained import vit_sizes

from benchmarks import clocks, vit_bench

NAMED = ('demo', backbones.LITE0_TILES)
MEASURED = 'siglip2-b16-256'
COMPUTED = ('siglip2-so400m14-384', 'siglip2-g-opt16-384')
BATCHES = (1, 8)


def named(name: str):
  """Pixels and features of a backbone that is installed."""
  backbone = backbones.load(name)
  size = preprocess.output_size(backbone.preprocess)
  return size, lambda pixels: np.asarray(backbone.apply(pixels))


def random_vit(name: str):
  """The same of a ViT of random weights."""
  model = vit_sizes.build(name)
  size = tuple(model.image_size)
  params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, *size, 3)))
  apply = jax.jit(lambda params, pixels: model.apply(
      params, pixels.astype(jnp.float32) / 127.5 - 1),
      compiler_options=transformer.compiler_options())
  return size, lambda pixels: np.asarray(apply(params, pixels))


def measure(rounds: int) -> list[dict]:
  """A row for each backbone and batch size: best and median of all rounds."""
  models = {name: named(name) for name in NAMED}
  models[MEASURED] = random_vit(MEASURED)
  rng = np.random.default_rng(0)
  runs = {}
  for name, (size, apply) in models.items():
    for batch in BATCHES:
      pixels = rng.integers(0, 256, (batch, *size, 3), np.uint8)
      apply(pixels)  # Compiles.
      runs[name, batch] = lambda apply=apply, pixels=pixels: apply(pixels)
  taken = {key: [] for key in runs}
  for _ in range(rounds):
    for key, run in runs.items():
      taken[key].append(clocks.timed(run))
  rows = []
  for (name, batch), pairs in taken.items():
    wall, cpu = np.asarray(pairs).T / batch
    rows.append(dict(
        backbone=name, batch=batch, wall_s=float(wall.min()),
        cpu_s=float(cpu.min()), wall_median_s=float(np.median(wall)),
        cpu_median_s=float(np.median(cpu))))
  return rows


def sizes() -> list[dict]:
  """FLOP and parameters of the image towers, and FLOP against MEASURED."""
  base = vit_bench.flops(vit_sizes.build(MEASURED))
  return [dict(backbone=name, flop=vit_bench.flops(model),
               times=vit_bench.flops(model) / base, params=num_params(model))
          for name in (MEASURED, *COMPUTED)
          for model in (vit_sizes.build(name),)]


def num_params(model: vit.ViT) -> int:
  """Numbers in the image tower."""
  pixels = jax.ShapeDtypeStruct((1, *model.image_size, 3), jnp.float32)
  tree = jax.eval_shape(model.init, jax.random.key(0), pixels)
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--rounds', type=int, default=9)
  args = parser.parse_args()
  rows, computed = measure(args.rounds), sizes()
  for row in rows + computed:
    print(*(f'{k} {v:.4g}' if isinstance(v, float) else f'{k} {v}'
            for k, v in row.items()), flush=True)
  run_record.write_json(args.out, {
      'seconds_per_photo': rows, 'sizes': computed,
      'device': jax.devices()[0].device_kind,
      'versions': run_record.versions(), 'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
