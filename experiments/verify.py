r"""Reads all of a feature store or gallery and says if it can be trusted.

  pinpoint verify DIR        python -m experiments.verify --path=DIR

Checks every checksum, the row counts, coordinates, ids and vectors. Exit code
0: sound; 1: not, with one line that names every problem.
"""

import pathlib

from experiments.run import launch
from pinpoint_jax.features import verify
from pinpoint_jax.gallery import layout
from pinpoint_jax.gallery import verify as gallery_verify

FLAGS = (launch.Flag('path', None, 'Feature store or gallery to verify.'),)


def main(run: launch.Run) -> None:
  """Verify and print what is there."""
  path = pathlib.Path(run.flags['path'])
  is_gallery = layout.is_gallery(path)
  facts = (gallery_verify if is_gallery else verify).verify(path)
  print(f'{run.flags["path"]} is sound: '
        + ', '.join(f'{name} {value}' for name, value in facts.items()))


def run() -> None:
  """Entry of the binary and of `pinpoint verify`."""
  launch.run(main, FLAGS, (('path',),))


if __name__ == '__main__':
  run()
