r"""Extraction by the million: does a row cost the same at the end?

  python -m benchmarks.extract_bench --out=benchmarks/results/extract.json

1. Rows of tiny images through the real extraction, in processes of their own:
   time of the first and the last tenth, and the peak memory of 100,000 rows
   beside 1,000,000.
2. Decode and resize of a 500×375 JPEG through our safe road beside the bare
   library's calls, taken in turn on one core.
"""

import argparse
import io
import json
import multiprocessing
import pathlib
import resource
import tempfile
import time

import numpy as np
from PIL import Image as PilImage
from pinpoint_jax import types
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.features import extract
from pinpoint_jax.images import decode, preprocess

_SHARD = 4096


class TinyImages:
  """So many 8×8 pictures, 64 different ones."""

  notes = ()

  def __init__(self, num: int):
    rng = np.random.default_rng(0)
    self._files = [_jpeg(rng, 8, 8) for _ in range(64)]
    blank = np.full(num, '', np.str_)
    self.photos = types.Photos(
        np.char.add('p', np.arange(num).astype(np.str_)),
        np.stack([np.linspace(-80, 80, num), np.linspace(-170, 170, num)], 1),
        blank, blank, 'photo')

  def read(self, row: int) -> bytes:
    """The file of that row."""
    return self._files[row % 64]


def _jpeg(rng: np.random.Generator, height: int, width: int) -> bytes:
  out = io.BytesIO()
  small = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
  PilImage.fromarray(small).resize((width, height)).save(out, 'JPEG')
  return out.getvalue()


def _extract(num: int, answer: multiprocessing.Queue) -> None:
  """Seconds of the first and the last tenth of shards, peak memory in MB."""
  marks = []
  def apply(pixels: np.ndarray) -> np.ndarray:
    marks.append(time.monotonic())
    return pixels.reshape(len(pixels), -1).astype(np.float32)
  small = backbones.Backbone('tiny', 'none', 'resize(8)', 192, apply)
  with tempfile.TemporaryDirectory() as folder:
    started = time.monotonic()
    made = extract.extract(TinyImages(num), small, pathlib.Path(folder),
                           extract.Plan(_SHARD, 256, processes=0))
    spent = time.monotonic() - started
    rows = len(made)
  tenth = len(marks) // 10
  answer.put({
      'rows': rows, 'rows_per_s': rows / spent,
      'first_tenth_s': marks[tenth] - marks[0],
      'last_tenth_s': marks[-1] - marks[-1 - tenth],
      'peak_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def _in_own_process(num: int) -> dict[str, float]:
  context = multiprocessing.get_context('spawn')
  answer = context.Queue()
  process = context.Process(target=_extract, args=(num, answer))
  process.start()
  result = answer.get()
  process.join()
  return result


def _decode_ratio(size: int, rounds: int = 15, per_round: int = 40) -> float:
  """Our rate ÷ the bare library's, median over turns."""
  data = _jpeg(np.random.default_rng(0), 376, 504)
  ours_op = preprocess.parse(f"resize({size}, 'bicubic')")
  def bare() -> np.ndarray:
    picture = PilImage.open(io.BytesIO(data)).convert('RGB')
    return np.asarray(picture.resize((size, size), PilImage.BICUBIC))
  def ours() -> np.ndarray:
    return ours_op(decode.picture(data))
  assert (bare() == ours()).all()
  ratios = []
  for _ in range(rounds):
    spent = []
    for road in (bare, ours):
      started = time.process_time()
      for _ in range(per_round):
        road()
      spent.append(time.process_time() - started)
    ratios.append(spent[0] / spent[1])
  return float(np.median(ratios))


def main() -> None:
  """Measures, prints, writes."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--rows', type=int, nargs=2, default=(100_000, 1_000_000))
  args = parser.parse_args()
  result = {'decode_ratio': {size: round(_decode_ratio(size), 3)
                             for size in (256, 384)}}
  print(result, flush=True)
  for num in args.rows:
    result[f'rows_{num}'] = _in_own_process(num)
    print(num, result[f'rows_{num}'], flush=True)
  args.out.parent.mkdir(parents=True, exist_ok=True)
  args.out.write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
  main()
