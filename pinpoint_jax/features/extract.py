"""Image files to features, in several processes, in the order given."""

from collections.abc import Callable, Sequence
import concurrent.futures
import functools
import multiprocessing
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import thumbnail
from pinpoint_jax.images import decode, preprocess

FEATURES: dict[str, Callable[[types.Image], np.ndarray]] = {
    'thumbnail': thumbnail.thumbnail,
}
_CHUNK = 64


def extract(
    paths: Sequence[pathlib.Path], ops: str, feature: str, processes: int = 1,
) -> Float[np.ndarray, 'n d']:
  """Feature of each image file, float32 [n, d]; one bad file stops the job."""
  if feature not in FEATURES:
    raise ValueError(
        f'feature {feature!r}: choices are {sorted(FEATURES)}')
  preprocess.parse(ops)  # Refused here, before a process is started.
  work = functools.partial(_extract_one, ops=ops, feature=feature)
  if processes <= 1:
    return np.stack([work(path) for path in paths])
  # spawn: the parent may hold jax threads, which do not survive a fork.
  context = multiprocessing.get_context('spawn')
  with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
    return np.stack(list(pool.map(work, paths, chunksize=_CHUNK)))


def _extract_one(path: pathlib.Path, ops: str, feature: str) -> np.ndarray:
  try:
    pixels = decode.decode(path.read_bytes()).pixels
  except decode.BadImage as error:
    raise ValueError(f'{path}: {error}') from error
  return FEATURES[feature](preprocess.parse(ops)(pixels))
