"""SigLIP of transformers, one batch for each line read; runs with torch.

The forward pass is torch's, plain or compiled, or onnxruntime's of the exported
model. Writes its
random weights and its images into --folder first, so that the other side runs
the very same model, then prints 'ready' and, for each line of input, the
seconds of one forward pass.
"""

import argparse
from collections.abc import Callable
import json
import pathlib
import sys
import time

import numpy as np
import torch
import transformers


def forward(model: torch.nn.Module, images: torch.Tensor,
            args: argparse.Namespace) -> Callable[[], object]:
  """One pass of the engine that was asked for."""
  if args.engine != 'onnxruntime':
    images = images.to(args.device, args.dtype)
    model = model.to(args.device, args.dtype)
    run = torch.compile(model) if args.engine == 'compiled' else model
    def wait() -> None:
      run(pixel_values=images)
      if args.device == 'cuda':
        torch.cuda.synchronize()
    return wait
  import onnxruntime
  path = args.folder / 'model.onnx'
  torch.onnx.export(Pooled(model), (images,), path, input_names=['images'],
                    dynamo=False)
  options = onnxruntime.SessionOptions()
  options.intra_op_num_threads = args.threads
  session = onnxruntime.InferenceSession(
      path, options, providers=['CPUExecutionProvider'])
  feed = {'images': images.numpy()}
  expected, (pooled,) = model(pixel_values=images), session.run(None, feed)
  np.testing.assert_allclose(pooled, expected.pooler_output, atol=1e-3)
  return lambda: session.run(None, feed)


class Pooled(torch.nn.Module):
  """The model with images in and its pooled output out."""

  def __init__(self, model: torch.nn.Module):
    super().__init__()
    self.model = model

  def forward(self, images: torch.Tensor) -> torch.Tensor:
    return self.model(pixel_values=images).pooler_output


def main() -> None:
  """Builds, saves, then answers lines."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--folder', required=True, type=pathlib.Path)
  parser.add_argument('--config', required=True, type=json.loads)
  parser.add_argument('--engine', choices=('torch', 'compiled', 'onnxruntime'),
                      default='torch')
  parser.add_argument('--batch', type=int, default=8)
  parser.add_argument('--threads', type=int, default=2)
  parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
  parser.add_argument('--dtype', type=lambda name: getattr(torch, name),
                      default='float32')
  args = parser.parse_args()
  torch.set_num_threads(args.threads)
  torch.manual_seed(0)
  config = transformers.SiglipVisionConfig(**args.config)
  model = transformers.SiglipVisionModel(config).eval().to(args.device)
  model.save_pretrained(args.folder)
  side = config.image_size
  images = (torch.rand(args.batch, 3, side, side) * 2 - 1).to(args.device)
  with torch.inference_mode():
    pooled = model(pixel_values=images).pooler_output
    np.savez(args.folder / 'reference.npz', pooled=pooled.cpu().numpy(),
             images=images.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    run = forward(model, images, args)
    print('ready', flush=True)
    for _ in sys.stdin:
      started = time.perf_counter()
      run()
      print(time.perf_counter() - started, flush=True)


if __name__ == '__main__':
  main()
