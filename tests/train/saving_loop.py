"""A run that saves in a loop, for the tests that kill or starve it."""

import pathlib
import resource
import signal
import sys

import jax.numpy as jnp
import numpy as np
from pinpoint_jax.train import checkpoints


def content(step: int):
  """The state of a step, which a restored one must equal."""
  kernel = np.random.default_rng(step).normal(size=(64, 64))
  return {'kernel': jnp.asarray(kernel, jnp.float32), 'step': jnp.int32(step)}


def main(folder: str, steps: int, limit: int = 0) -> None:
  """Goes on from the newest step; files may have `limit` bytes if given."""
  if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
  opened = checkpoints.Checkpoints(
      pathlib.Path(folder), checkpoints.Keep(last=1))
  restored = opened.restore(content(0))
  first = restored.step + 1 if restored else 1
  print('open', first, flush=True)
  for step in range(first, first + steps):
    opened.save(step, content(step), {'step': step})
    if not limit:
      opened.wait()
    print('saved', step, flush=True)
  opened.close()


if __name__ == '__main__':
  main(sys.argv[1], *map(int, sys.argv[2:]))
