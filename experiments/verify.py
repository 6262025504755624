r"""Reads all of a store, gallery or model and reports whether it is sound.

  pinpoint verify DIR        python -m experiments.verify --path=DIR

Checks every checksum, the row counts, coordinates, ids and vectors. Exit code
0: sound; 1: not, with one line that names every problem.

Manifests written by earlier versions have no checksum of their own, so a
changed entry may go unnoticed: --seal adds one to a folder that is sound.
"""

import pathlib

from experiments.run import launch
from pinpoint_jax.disk import model_dir
from pinpoint_jax.features import verify
from pinpoint_jax.gallery import layout
from pinpoint_jax.gallery import verify as gallery_verify

FLAGS = (launch.Flag('path', None, 'Store, gallery or model to verify.'),
         launch.Flag('seal', False, 'Add a checksum of its own to an old '
                     'manifest.'))


def main(run: launch.Run) -> None:
  """Verify and print what is there."""
  path = pathlib.Path(run.flags['path'])
  is_model = (path / model_dir.KIND.manifest).exists()
  package = (model_dir if is_model else
             gallery_verify if layout.is_gallery(path) else verify)
  facts = package.verify(path)
  if run.flags['seal']:
    package.seal(path)
    facts.pop('manifest', None)
  print(f'{path} is sound: '
        + ', '.join(f'{name} {value}' for name, value in facts.items()))


def run() -> None:
  """Entry of the binary and of `pinpoint verify`."""
  launch.run(main, FLAGS, (('path',),))


if __name__ == '__main__':
  run()
