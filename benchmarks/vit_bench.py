"""Our ViT beside torch and onnxruntime on a CPU; on a GPU: gpu_bench.

  python -m benchmarks.vit_bench --peer_python=.venv-parity/bin/python \\
    --out=benchmarks/results/vit_cpu.json

transformers' model, the same random weights and images on both sides,
float32, passes taken in turn, so that a busy machine is busy for both; the
target is a ratio >= 1.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
import time

from experiments.run import run_record
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import transformer, vit
from pinpoint_jax.pretrained import load, vit_sizes

from benchmarks import peer

MODELS = ('siglip2-b16-224', 'siglip2-l16-256')

_SETTLE_S = 0.3  # Threads of the other side may spin for a while.


def peer_config(name: str) -> dict:
  """The size `name` in the words of transformers' SiglipVisionConfig."""
  fields = vit_sizes.fields(name)
  return dict(
      hidden_size=fields['width'], intermediate_size=fields['mlp_dim'],
      num_hidden_layers=fields['depth'], image_size=fields['image_size'][0],
      num_attention_heads=fields['num_heads'], patch_size=fields['patch'])


def timed(run) -> float:
  """Seconds of one finished call."""
  started = time.perf_counter()
  jax.block_until_ready(run())
  return time.perf_counter() - started


def beside(engine: str, name: str, peer_python: str, batch: int,
           rounds: int) -> dict:
  """Images per second of both, and how far the outputs lie apart."""
  side = vit_sizes.fields(name)['image_size'][0]
  with tempfile.TemporaryDirectory() as folder, peer.asked(
      peer_python, 'vit_torch.py', f'--folder={folder}', f'--batch={batch}',
      f'--engine={engine}', f'--config={json.dumps(peer_config(name))}') as ask:
    while ask() != 'ready':  # The export to onnx says more.
      pass
    loaded = load.load(
        folder, f'resize({side})|unit_range|normalize(0.5, 0.5)')
    with np.load(pathlib.Path(folder) / 'reference.npz') as file:
      images, pooled = jnp.asarray(file['images']), file['pooled']
    apply = jax.jit(loaded.model.apply,
                    compiler_options=transformer.compiler_options())
    difference = np.abs(np.asarray(apply(loaded.params, images)) - pooled)
    ours, theirs = [], []
    for _ in range(rounds):
      time.sleep(_SETTLE_S)
      theirs.append(float(ask('pass')))
      time.sleep(_SETTLE_S)
      ours.append(timed(lambda: apply(loaded.params, images)))
  ratios = [b / a for a, b in zip(ours, theirs)]
  return {
      'ours': batch / statistics.median(ours),
      engine: batch / statistics.median(theirs),
      'ratio': statistics.median(ratios), 'ratio_best': min(theirs) / min(ours),
      'largest_difference': float(difference.max())}


def flops(model: vit.ViT) -> float:
  """Multiply-adds times two of one image's tower, from its shapes."""
  tokens = model.grid[0] * model.grid[1]
  dense = 4 * model.width**2 + 2 * model.width * model.mlp_dim
  layer = tokens * dense + 2 * tokens**2 * model.width
  patch = tokens * model.patch**2 * 3 * model.width
  return 2.0 * (model.depth * layer + patch + 2 * tokens * model.width**2)


def measure(args: argparse.Namespace) -> None:
  """A row for each model, written when it is there."""
  rows = {}
  for name in args.models or MODELS:
    rows[name] = beside('torch', name, args.peer_python, args.batch,
                        args.rounds)
    rows[name]['beside_onnxruntime'] = beside(
        'onnxruntime', name, args.peer_python, args.batch, args.rounds)
    print(name, json.dumps(rows[name]), flush=True)
    run_record.write_json(args.out, {
        'images_per_second': rows, 'batch': args.batch,
        'device': jax.devices()[0].device_kind,
        'versions': run_record.versions(), 'git': run_record.git_revision()})


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--models', nargs='*', choices=sorted(vit_sizes.VARIANTS))
  parser.add_argument('--batch', type=int, default=8)
  parser.add_argument('--rounds', type=int, default=9)
  parser.add_argument('--peer_python', required=True,
                      help='the python of the venv with torch')
  measure(parser.parse_args())


if __name__ == '__main__':
  main()
