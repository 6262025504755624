"""Vectors of the geoclip package itself; runs in the venv with torch.

  .venv-parity/bin/python tests/parity/make_geoclip_references.py

writes tests/parity/references/geoclip_location.npz: places, the names and
shapes of the tensors, and the vectors under seeded weights, so that nobody's
weights are committed. --published takes the package's weights instead.
"""

import argparse
import pathlib
import sys

from geoclip.model.location_encoder import LocationEncoder
import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.parity import geoclip_cases


def vectors(tower: LocationEncoder, places: np.ndarray) -> np.ndarray:
  """What the package makes of places [n, 2] in degrees, [n, 512]."""
  with torch.inference_mode():
    return tower.eval()(torch.from_numpy(places)).numpy()


def shapes(tower: LocationEncoder) -> dict[str, tuple[int, ...]]:
  """Shape of each of the package's tensors by name."""
  return {name: tuple(value.shape)
          for name, value in tower.state_dict().items()}


def seeded_tower() -> LocationEncoder:
  """The package's tower, its weights from geoclip_cases."""
  tower = LocationEncoder(from_pretrained=False)
  tensors = geoclip_cases.weights(shapes(tower))
  tower.load_state_dict(
      {name: torch.from_numpy(value) for name, value in tensors.items()})
  return tower


def main() -> None:
  """Writes one npz."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path, default=geoclip_cases.FILE)
  parser.add_argument('--published', action='store_true')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--count', type=int, default=32)
  args = parser.parse_args()
  tower = LocationEncoder() if args.published else seeded_tower()
  places = geoclip_cases.places(args.seed, args.count)
  np.savez_compressed(
      args.out, latlng_deg=places, vectors=vectors(tower, places),
      **{f'shape/{name}': shape for name, shape in shapes(tower).items()})


if __name__ == '__main__':
  main()
