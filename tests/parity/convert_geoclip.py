"""GeoCLIP's location encoder, published as a pickle, to safetensors.

  make parity        makes .venv-parity, the venv this runs in
  .venv-parity/bin/python tests/parity/convert_geoclip.py \
    --out=geoclip-location/model.safetensors

The folder is then what models/geoclip_location.load_published reads. Without
--weights the file inside the installed package is converted; names, shapes
and values stay as they are.
"""

import argparse
import importlib.util
import pathlib

import safetensors.torch
import torch

_INSIDE = 'model/weights/location_encoder_weights.pth'


def published() -> pathlib.Path:
  """The weights inside the installed package, which is not imported."""
  spec = importlib.util.find_spec('geoclip')
  if spec is None:
    raise SystemExit('geoclip is not installed here: pass --weights, or run '
                     'this in the venv that make parity makes')
  return pathlib.Path(spec.submodule_search_locations[0]) / _INSIDE


def convert(weights: pathlib.Path, out: pathlib.Path) -> None:
  """Writes the tensors of a .pth as safetensors; code in it is not run."""
  tensors = torch.load(weights, map_location='cpu', weights_only=True)
  out.parent.mkdir(parents=True, exist_ok=True)
  out.write_bytes(safetensors.torch.save(
      {name: value.contiguous() for name, value in tensors.items()}))


def main() -> None:
  """Converts --weights to --out."""
  parser = argparse.ArgumentParser(
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--weights', type=pathlib.Path)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  args = parser.parse_args()
  convert(args.weights or published(), args.out)


if __name__ == '__main__':
  main()
