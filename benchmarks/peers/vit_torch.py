"""SigLIP in transformers, one batch for each line read; runs with torch.

Writes its random weights and its images into --folder first, so that the
other side runs the very same model, then prints 'ready' and, for each line
of input, the seconds of one forward pass.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import torch
import transformers


def main() -> None:
  """Builds, saves, then answers lines."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--folder', required=True, type=pathlib.Path)
  parser.add_argument('--config', required=True, type=json.loads)
  parser.add_argument('--batch', type=int, default=8)
  parser.add_argument('--threads', type=int, default=2)
  args = parser.parse_args()
  torch.set_num_threads(args.threads)
  torch.manual_seed(0)
  config = transformers.SiglipVisionConfig(**args.config)
  model = transformers.SiglipVisionModel(config).eval()
  model.save_pretrained(args.folder)
  side = config.image_size
  images = torch.rand(args.batch, 3, side, side) * 2 - 1
  with torch.inference_mode():
    pooled = model(pixel_values=images).pooler_output
    np.savez(args.folder / 'reference.npz', pooled=pooled.numpy(),
             images=images.permute(0, 2, 3, 1).contiguous().numpy())
    print('ready', flush=True)
    for _ in sys.stdin:
      started = time.perf_counter()
      model(pixel_values=images)
      print(time.perf_counter() - started, flush=True)


if __name__ == '__main__':
  main()
