"""What the fast resize costs: features by OpenCV against features by Pillow.

  python -m benchmarks.fast_resize --backbone=FOLDER --photos=FOLDER \\
    --out=benchmarks/results/fast_resize.json

Prints the cosine between the two features of each photo (median and worst)
and the pixels' mean difference. Needs pinpoint_jax[fast].
"""

import argparse
import pathlib
import re
import time

from experiments.run import run_record
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.images import decode, preprocess
from pinpoint_jax.models import transformer
from pinpoint_jax.pretrained import load

_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')


def fast_ops(ops: str) -> str:
  """`ops` with its resize to a fixed size done by area averaging."""
  fast, count = re.subn(r"resize\((.*?)(, '\w+')?\)(?=\||$)",
                        r'resize_area(\1)', ops)
  if not count:
    raise ValueError(f'preprocess {ops!r} has no resize to a fixed size')
  return fast


def compare(loaded: load.Pretrained, photos: list) -> dict[str, float]:
  """Differences between both paths, and images per second of each."""
  apply = jax.jit(loaded.model.apply,
                  compiler_options=transformer.compiler_options())
  features, pixels, rates = [], [], []
  for ops in (loaded.preprocess, fast_ops(loaded.preprocess)):
    halves = preprocess.split(ops)
    resize = preprocess.parse(halves.pixels)
    started = time.perf_counter()
    pixels.append(np.stack([resize(photo) for photo in photos]))
    rates.append(len(photos) / (time.perf_counter() - started))
    values = preprocess.parse(halves.values)
    features.append(np.concatenate([
        apply(loaded.params, jnp.asarray(values(image[None])))
        for image in pixels[-1]]))
  a, b = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in features)
  cosine = (a * b).sum(1)
  moved = np.abs(pixels[0].astype(float) - pixels[1]).mean()
  return dict(cosine_median=float(np.median(cosine)),
              cosine_worst=float(cosine.min()),
              pixel_mean_difference=float(moved),
              pillow_per_second=rates[0], opencv_per_second=rates[1])


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--backbone', required=True)
  parser.add_argument('--photos', required=True, type=pathlib.Path)
  parser.add_argument('--num_photos', type=int, default=200)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  args = parser.parse_args()
  paths = [path for path in sorted(args.photos.rglob('*'))
           if path.suffix.lower() in _SUFFIXES][:args.num_photos]
  if not paths:
    parser.error(f'no {"/".join(_SUFFIXES)} below {args.photos}')
  photos = [decode.decode(path.read_bytes()).pixels for path in paths]
  loaded = load.load(args.backbone)
  figures = compare(loaded, photos)
  for name, value in figures.items():
    print(f'{name:22} {value:.4f}')
  run_record.write_json(args.out, {
      'figures': figures, 'num_photos': len(photos),
      'preprocess': loaded.preprocess, 'weights': loaded.weight_hash,
      'versions': run_record.versions(), 'git': run_record.git_revision()})


if __name__ == '__main__':
  main()
