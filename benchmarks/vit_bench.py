"""Our ViT beside torch and onnxruntime on a CPU, or alone on a GPU.

  python -m benchmarks.vit_bench --peer_python=.venv-parity/bin/python \\
    --out=benchmarks/results/vit_cpu.json
  python -m benchmarks.vit_bench --gpu --out=benchmarks/results/vit_gpu.json

CPU: transformers' model, the same random weights and images on both sides,
float32, passes taken in turn, so that a busy machine is busy for both; the
target is a ratio >= 1.
GPU: bfloat16, images per second and the share of the card's peak.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

from experiments.run import run_record
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import transformer, vit
from pinpoint_jax.pretrained import load, vit_sizes

CPU_MODELS = ('siglip2-b16-224', 'siglip2-l16-256')
GPU_MODELS = ('siglip2-b16-256', 'siglip2-so400m14-384', 'siglip2-g-opt16-384')

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
  script = pathlib.Path(__file__).parent / 'peers' / 'vit_torch.py'
  side = vit_sizes.fields(name)['image_size'][0]
  with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
      [peer_python, script, f'--folder={folder}', f'--batch={batch}',
       f'--engine={engine}',
       f'--config={json.dumps(peer_config(name))}'], text=True,
      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL) as peer:
    while (line := peer.stdout.readline()) != 'ready\n':
      if not line:
        raise RuntimeError(f'{script} stopped; run it with {peer_python}')
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
      peer.stdin.write('\n')
      peer.stdin.flush()
      theirs.append(float(peer.stdout.readline()))
      time.sleep(_SETTLE_S)
      ours.append(timed(lambda: apply(loaded.params, images)))
    peer.stdin.close()
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


def alone(model: vit.ViT, batch: int, rounds: int, peak: float) -> dict:
  """Images per second and share of `peak` (FLOP per second)."""
  images = jnp.zeros((batch, *model.image_size, 3), jnp.float32)
  params = jax.jit(model.init)(jax.random.key(0), images[:1])
  apply = jax.jit(model.apply, compiler_options=transformer.compiler_options())
  timed(lambda: apply(params, images))
  rate = batch / statistics.median(
      timed(lambda: apply(params, images)) for _ in range(rounds))
  return dict(ours=rate, percent_of_peak=100 * rate * flops(model) / peak)


def measure(args: argparse.Namespace) -> None:
  """A row for each model, written when it is there."""
  rows = {}
  default = GPU_MODELS if args.gpu else CPU_MODELS
  for name in args.models or default:
    if args.gpu:
      model = vit_sizes.build(name, dtype=jnp.bfloat16,
                              attention=args.attention)
      rows[name] = alone(model, args.batch, args.rounds,
                         args.peak_tflops * 1e12)
    else:
      rows[name] = beside('torch', name, args.peer_python, args.batch,
                          args.rounds)
      rows[name]['beside_onnxruntime'] = beside(
          'onnxruntime', name, args.peer_python, args.batch, args.rounds)
    print(name, json.dumps(rows[name]), flush=True)
    run_record.write_json(args.out, {
        'images_per_second': rows, 'batch': args.batch,
        'device': jax.devices()[0].device_kind, 'gpu': args.gpu,
        'versions': run_record.versions(), 'git': run_record.git_revision()})


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--models', nargs='*', choices=sorted(vit_sizes.VARIANTS))
  parser.add_argument('--batch', type=int, default=8)
  parser.add_argument('--rounds', type=int, default=9)
  parser.add_argument('--peer_python')
  parser.add_argument('--gpu', action='store_true')
  parser.add_argument('--attention', choices=('xla', 'cudnn'))
  parser.add_argument('--peak_tflops', type=float, default=989.0,
                      help='dense bfloat16 of the card; H100 and H200: 989')
  args = parser.parse_args()
  if not args.gpu and not args.peer_python:
    parser.error('--peer_python is needed: the python of the venv with torch')
  measure(args)


if __name__ == '__main__':
  main()
