"""Our embedder's training step in torch, one step for each line read.

Reads config.json, params.npz and batch.npz from --folder, prints the loss
without dropout, then for each line of input, `eager` or `compiled`, the
seconds of one step, or `failed`. On a GPU (--device=cuda) products of float32
numbers are those of TF32, as jax makes them there; with --bf16 the towers
compute in bfloat16 by autocast, and the loss in float32.
"""

import argparse
import functools
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

EARTH_RADIUS_KM = 6371.0088


class ResidualMlp(nn.Module):

  def __init__(self, width, expansion, dropout):
    super().__init__()
    self.norm = nn.LayerNorm(width)
    self.up = nn.Linear(width, expansion * width)
    self.down = nn.Linear(expansion * width, width)
    self.drop = nn.Dropout(dropout)

  def forward(self, x):
    y = self.drop(F.gelu(self.up(self.norm(x))))
    return x + self.drop(self.down(y))


class Head(nn.Module):

  def __init__(self, width, dim):
    super().__init__()
    self.norm, self.project = nn.LayerNorm(width), nn.Linear(width, dim)

  def forward(self, x):
    return F.normalize(self.project(self.norm(x)), dim=-1, eps=1e-8)


class Adapter(nn.Module):

  def __init__(self, features, c):
    super().__init__()
    self.norm = nn.LayerNorm(features)
    self.add_module('in', nn.Linear(features, c['hidden']))
    self.drop = nn.Dropout(c['dropout'])
    for i in range(c['adapter_depth'] - 1):
      self.add_module(f'block_{i}', ResidualMlp(
          c['hidden'], c['expansion'], c['dropout']))
    self.depth = c['adapter_depth']

  def forward(self, x):
    x = self.drop(F.gelu(getattr(self, 'in')(self.norm(x.float()))))
    for i in range(self.depth - 1):
      x = getattr(self, f'block_{i}')(x)
    return x


class LocationEncoder(nn.Module):

  def __init__(self, dim, hidden, depth, expansion, log2_sigmas, num_waves):
    super().__init__()
    self.fourier = nn.ParameterDict({
        f'bank_{i}': torch.randn(3, num_waves) * 2.0**power
        for i, power in enumerate(log2_sigmas)})
    num_inputs = 2 * num_waves * len(log2_sigmas) + 3
    self.add_module('in', nn.Linear(num_inputs, hidden))
    self.blocks = [f'block_{i}' for i in range(depth)]
    for name in self.blocks:
      self.add_module(name, ResidualMlp(hidden, expansion, 0.0))
    self.out = Head(hidden, dim)

  def forward(self, xyz):
    banks = torch.cat([self.fourier[f'bank_{i}']
                       for i in range(len(self.fourier))], 1)
    # In bfloat16 a place would be known to a hundred kilometres.
    with torch.autocast(xyz.device.type, enabled=False):
      angle = 2 * math.pi * (xyz @ banks)
      x = torch.cat([torch.sin(angle), torch.cos(angle), xyz], 1)
    x = getattr(self, 'in')(x)
    for name in self.blocks:
      x = getattr(self, name)(x)
    return self.out(x)


class Embedder(nn.Module):

  def __init__(self, features, c):
    super().__init__()
    self.sources, self.depth = c['sources'], c['trunk_depth']
    for source in self.sources:
      self.add_module(f'adapter_{source}', Adapter(features, c))
      self.register_parameter(
          f'log_temperature_{source}', nn.Parameter(torch.zeros(())))
      self.register_parameter(
          f'bias_{source}', nn.Parameter(torch.zeros(())))
    for i in range(self.depth):
      self.add_module(f'trunk_{i}', ResidualMlp(
          c['hidden'], c['expansion'], c['dropout']))
    self.out = Head(c['hidden'], c['dim'])
    self.location_tower = LocationEncoder(c['dim'], **c['location_options'])

  def forward(self, source, features, xyz):
    x = getattr(self, f'adapter_{source}')(features)
    for i in range(self.depth):
      x = getattr(self, f'trunk_{i}')(x)
    return self.out(x), self.location_tower(xyz)


def source_loss(model, source, features, xyz, near_km, bf16):
  """Sigmoid loss; near pairs left out, one place is one."""
  with torch.autocast(features.device.type, torch.bfloat16, enabled=bf16):
    image, place = model(source, features, xyz)
  image, place = image.float(), place.float()
  scale = getattr(model, f'log_temperature_{source}').exp()
  x = scale * (image @ place.T) + getattr(model, f'bias_{source}')
  with torch.no_grad():
    chord2 = sum((xyz[:, None, i] - xyz[None, :, i])**2 for i in range(3))
    same = chord2 == 0
    near = chord2 < (near_km / EARTH_RADIUS_KM)**2
    y, weight = same.float(), (~near | same).float()
  return F.binary_cross_entropy_with_logits(
      x, y, weight, reduction='sum') / len(x)


def total_loss(model, batch, near_km, bf16=False):
  return sum(source_loss(model, source, *batch[source], near_km, bf16)
             for source in model.sources)


def load(model, params):
  """Our parameters under torch's names."""
  own = dict(model.named_parameters())
  for name, value in params.items():
    name = name.replace('/', '.').replace('.scale', '.weight')
    if name.endswith('.kernel'):
      name, value = name.replace('.kernel', '.weight'), value.T
    with torch.no_grad():
      own.pop(name).copy_(torch.from_numpy(np.array(value)))
  assert not own, f'parameters that were not given: {list(own)}'


def make_optimizer(model, c, way):
  """AdamW, decay on kernels alone."""
  decayed = [p for p in model.parameters() if p.ndim == 2]
  banks = {id(p) for p in model.location_tower.fourier.parameters()}
  kernels = [p for p in decayed if id(p) not in banks]
  chosen = {id(p) for p in kernels}
  others = [p for p in model.parameters() if id(p) not in chosen]
  return torch.optim.AdamW(
      [{'params': kernels, 'weight_decay': c['weight_decay']},
       {'params': others, 'weight_decay': 0.0}], lr=c['learning_rate'],
      betas=(c['b1'], c['b2']), **{way: True})


def finish(device):
  """Waits for what was handed to the device."""
  if device.type == 'cuda':
    torch.cuda.synchronize()


def faster_optimizer(model, c):
  """Whichever of fused and foreach takes less time here."""
  for p in model.parameters():
    p.grad = torch.zeros_like(p)
  seconds = {}
  for way in ('fused', 'foreach'):
    optimizer = make_optimizer(model, {**c, 'learning_rate': 0.0}, way)
    for _ in range(3):
      started = time.perf_counter()
      optimizer.step()
      finish(p.device)
      seconds[way] = time.perf_counter() - started
  return min(seconds, key=seconds.get)


def make_step(model, batch, c, loss_fn, way):
  """One update; mutates the model."""
  optimizer = make_optimizer(model, c['optimizer'], way)
  params = list(model.parameters())
  ema = [p.detach().clone() for p in params]
  def step():
    optimizer.zero_grad(set_to_none=True)
    loss_fn(model, batch, c['near_km']).backward()
    nn.utils.clip_grad_norm_(params, c['optimizer']['clip'], foreach=True)
    optimizer.step()
    with torch.no_grad():
      torch._foreach_lerp_(ema, params, 1 - c['ema'])
  return step


def main() -> None:
  """Builds, checks, then answers lines."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--folder', required=True, type=pathlib.Path)
  parser.add_argument('--threads', type=int, default=2)
  parser.add_argument('--device', type=torch.device, default='cpu')
  parser.add_argument('--bf16', action='store_true')
  args = parser.parse_args()
  torch.set_num_threads(args.threads)
  torch.set_float32_matmul_precision('high')  # TF32, where there is such.
  c = json.loads((args.folder / 'config.json').read_text())
  with np.load(args.folder / 'batch.npz') as file:
    batch = {s: (torch.from_numpy(file[f'{s}_features']).to(args.device),
                 torch.from_numpy(file[f'{s}_xyz']).to(args.device))
             for s in c['model']['sources']}
  features = next(iter(batch.values()))[0].shape[1]
  model = Embedder(features, c['model'])
  with np.load(args.folder / 'params.npz') as file:
    load(model, dict(file))
  model.to(args.device).eval()
  with torch.no_grad():
    loss = float(total_loss(model, batch, c['near_km'], args.bf16))
  model.train()
  way = faster_optimizer(model, c['optimizer'])
  loss_fn = functools.partial(total_loss, bf16=args.bf16)
  steps = {'eager': make_step(model, batch, c, loss_fn, way)}
  print(json.dumps({'loss': loss, 'optimizer': way}), flush=True)
  for line in sys.stdin:
    try:
      if line.strip() not in steps:
        steps['compiled'] = make_step(
            model, batch, c, torch.compile(loss_fn), way)
      started = time.perf_counter()
      steps[line.strip()]()
      finish(args.device)
      print(time.perf_counter() - started, flush=True)
    except Exception as error:
      print(f'{type(error).__name__}: {error}', file=sys.stderr)
      print('failed', flush=True)


if __name__ == '__main__':
  main()
