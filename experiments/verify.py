r"""Reads all of a feature store and says whether it can be trusted.

  pinpoint verify DIR        python -m experiments.verify --path=DIR

Checks every checksum, the row counts, coordinates, ids and features. Exit code
0: sound; 1: not, with one line that names every problem.
"""

from experiments import launch
from pinpoint_jax.features import verify


def main(run: launch.Run) -> None:
  """Verify and print what is there."""
  facts = verify.verify(run.flags['path'])
  print(f'{run.flags["path"]} is sound: '
        + ', '.join(f'{name} {value}' for name, value in facts.items()))


def run() -> None:
  """Entry of the binary and of `pinpoint verify`."""
  launch.run(main, ('path',), required=('path',), use_config=False)


if __name__ == '__main__':
  run()
