"""Pictures with the look behind them: what the demo's backbone learns from."""

from collections.abc import Sequence
import concurrent.futures
import dataclasses
import functools
import multiprocessing

from input_pipeline.synthetic_earth import dataset, sizes
from jaxtyping import Float, UInt8
import numpy as np
from pinpoint_jax.images import decode, preprocess

_CHUNK = 500
_SPLITS = ('gallery_photo', 'gallery_street')
_LOOK_STD = 1.4


@dataclasses.dataclass(frozen=True)
class Pictures:
  """Pictures uint8 [n, s, s, 3], their places' looks [n, l], their split."""

  pixels: UInt8[np.ndarray, 'n s s 3']
  looks: Float[np.ndarray, 'n l']
  is_street: np.ndarray

  def __len__(self) -> int:
    return len(self.pixels)


def make(size: str, seeds: Sequence[int], ops: str, per_split: int,
         processes: int = 2) -> Pictures:
  """The first photos and frames of the worlds' galleries, as JPEG and `ops`.

  `per_split` is how many of each of the two galleries of every world.
  """
  count = min(per_split, sizes.size(size).num_gallery)
  chunks = [(seed, split, start) for seed in seeds for split in _SPLITS
            for start in range(0, count, _CHUNK)]
  work = functools.partial(_chunk, size, ops, count)
  # spawn: the parent may hold jax threads, which do not survive a fork.
  context = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
    pixels, looks = zip(*pool.map(work, chunks))
  is_street = np.concatenate([
      np.full(len(part), split == 'gallery_street')
      for part, (_, split, _) in zip(pixels, chunks)])
  return Pictures(np.concatenate(pixels), np.concatenate(looks), is_street)


def _chunk(size: str, ops: str, count: int,
           chunk: tuple[int, str, int]) -> tuple[
               UInt8[np.ndarray, 'n s s 3'], Float[np.ndarray, 'n l']]:
  seed, split, start = chunk
  world, prepare = _world(size, seed), preprocess.parse(ops)
  rows = range(start, min(start + _CHUNK, count))
  pixels = np.stack([
      prepare(decode.decode(world.jpeg(split, row)).pixels) for row in rows])
  looks = np.stack([world.shot(split, row).look for row in rows])
  return pixels, (looks / _LOOK_STD).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _world(size: str, seed: int) -> dataset.SyntheticEarth:
  return dataset.SyntheticEarth(size, seed)
