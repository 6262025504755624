"""Fresh random models, theirs against ours, through `make parity`.

Runs in our venv and asks the one with torch for the references. GeoCLIP's
location tower and EfficientNet-Lite0 are compared under their published
weights, at random places and on random tiles.
"""

import argparse
import dataclasses
import json
import pathlib
import subprocess
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.models import geoclip_location
from pinpoint_jax.pretrained import efficientnet_files

from tests.parity import cases, efficientnet_cases, rebuild

TOLERANCE = 1e-4
PLACES = 1000
_MAKE = pathlib.Path(__file__).with_name('make_references.py')
_CONVERT = _MAKE.with_name('convert_geoclip.py')
_MAKE_GEOCLIP = _MAKE.with_name('make_geoclip_references.py')
_MAKE_EFFICIENTNET = _MAKE.with_name('make_efficientnet_references.py')
_MODELS = ('SiglipVisionModel', 'SiglipModel', 'CLIPVisionModel', 'CLIPModel',
           'Dinov2WithRegistersModel', 'Dinov2Model')


def random_case(rng: np.random.Generator, index: int) -> cases.Case:
  """Any class, odd widths and depths, any grid, sometimes sharded."""
  model = str(rng.choice(_MODELS))
  patch, heads = int(rng.choice([4, 7, 8])), int(rng.choice([1, 2, 3]))
  grid = [int(n) for n in rng.integers(2, 7, 3)]
  config = dict(
      hidden_size=heads * int(rng.choice([8, 12, 16])), patch_size=patch,
      num_hidden_layers=int(rng.integers(1, 4)), num_attention_heads=heads,
      image_size=grid[0] * patch + int(rng.integers(0, patch)))
  if 'Dino' in model:
    config['use_swiglu_ffn'] = bool(rng.integers(2))
  else:
    config['intermediate_size'] = int(rng.integers(10, 90))
    config['hidden_act'] = str(rng.choice(
        ['gelu', 'quick_gelu', 'gelu_pytorch_tanh']))
  size = (grid[1] * patch, grid[2] * patch)
  return cases.Case(f'random_{index}', model, config, size,
                    '20KB' if rng.integers(2) else '')


def geoclip_difference(peer_python: str, folder: pathlib.Path,
                       seed: int) -> float:
  """Largest difference from the package's vectors, published weights."""
  ask = lambda script, *args: subprocess.run(
      [peer_python, script, *args], check=True, capture_output=True)
  theirs = folder / 'geoclip.npz'
  ask(_CONVERT, f'--out={folder / "geoclip/model.safetensors"}')
  ask(_MAKE_GEOCLIP, '--published', f'--out={theirs}', f'--seed={seed}',
      f'--count={PLACES}')
  params = geoclip_location.load_published(folder / 'geoclip')
  model = geoclip_location.GeoClipLocation()
  apply = jax.jit(lambda *args: model.apply(*args, method='from_degrees'))
  with np.load(theirs) as arrays:
    ours = apply(params, jnp.asarray(arrays['latlng_deg']))
    return float(np.abs(np.asarray(ours) - arrays['vectors']).max())


def efficientnet_difference(peer_python: str, folder: pathlib.Path,
                            seed: int) -> float:
  """Largest difference from the package's features and logits."""
  theirs, seed = folder / 'efficientnet.npz', seed % 1000
  subprocess.run([peer_python, _MAKE_EFFICIENTNET, f'--out={theirs}',
                  f'--seed={seed}'], check=True, capture_output=True)
  tiles = efficientnet_cases.tiles(seed=seed)
  loaded = efficientnet_files.load()
  with np.load(theirs) as arrays:
    return max(float(np.abs(loaded.model.apply(
        loaded.params, jnp.asarray(efficientnet_cases.normalised(tiles)),
        method=method) - arrays[method]).max())
               for method in ('pooled', 'logits'))


def main() -> None:
  """Draws, asks, compares; exits 1 past the tolerance."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--peer_python', required=True)
  parser.add_argument('--num_cases', type=int, default=24)
  parser.add_argument('--seed', type=int, default=None)
  args = parser.parse_args()
  seed = np.random.SeedSequence(args.seed).entropy
  rng = np.random.default_rng(seed)
  print(f'seed {seed}')
  wanted = [random_case(rng, i) for i in range(args.num_cases)]
  worst = 0.0
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    listed = folder / 'cases.json'
    listed.write_text(json.dumps([dataclasses.asdict(c) for c in wanted]))
    subprocess.run([args.peer_python, _MAKE, f'--cases={listed}',
                    f'--out={folder}'], check=True, capture_output=True)
    described = json.loads((folder / 'models.json').read_text())
    with np.load(folder / 'arrays.npz') as arrays:
      for case in wanted:
        difference = rebuild.worst_difference(
            case.name, described[case.name], arrays[f'model/{case.name}'],
            folder / case.name)
        worst = max(worst, difference)
        print(f'{case.name:10} {case.model:25} {difference:.1e}')
    difference = geoclip_difference(args.peer_python, folder, seed)
    worst = max(worst, difference)
    print(f'{"geoclip":10} {f"published, {PLACES} places":25} {difference:.1e}')
    difference = efficientnet_difference(peer_python=args.peer_python,
                                         folder=folder, seed=seed)
    worst = max(worst, difference)
    print(f'{"lite0":10} {"published weights":25} {difference:.1e}')
  print(f'worst {worst:.1e}, allowed {TOLERANCE:.0e}')
  raise SystemExit(worst > TOLERANCE)


if __name__ == '__main__':
  main()
