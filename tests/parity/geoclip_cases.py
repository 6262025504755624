"""Weights and places for GeoCLIP's location tower, the same on both sides."""

from collections.abc import Mapping
import pathlib
import re

import numpy as np

from tests.parity import seeded

SIGMAS = (1., 16., 256.)
FILE = pathlib.Path(__file__).parent / 'references' / 'geoclip_location.npz'
_CORNERS = (
    (0, 0), (90, 0), (-90, 0), (90, 77), (0, 180), (0, -180), (51.5, 180),
    (-16.8, -180), (48.8584, 2.2945), (-54.8, -68.3), (1e-6, -1e-6))


def weights(
    shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
  """Seeded tensors by the package's names; banks have their sigmas."""
  tensors = {}
  for name, shape in shapes.items():
    values = seeded.tensor(name, tuple(shape))
    bank = re.fullmatch(r'LocEnc(\d+)\.capsule\.0\.b', name)
    if bank:  # seeded gave them the scale of a dense layer over 2 inputs.
      values = values * np.float32(np.sqrt(2) * SIGMAS[int(bank[1])])
    tensors[name] = values
  return tensors


def places(seed: int, count: int) -> np.ndarray:
  """Poles, both ends of the antimeridian, (0, 0), then anywhere; float32."""
  rng = np.random.default_rng(seed)
  lat = np.rad2deg(np.arcsin(rng.uniform(-1, 1, count)))
  anywhere = np.stack([lat, rng.uniform(-180, 180, count)], axis=-1)
  return np.concatenate([_CORNERS, anywhere])[:count].astype(np.float32)
