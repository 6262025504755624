r"""Synthetic Earth at feature level, as feature stores: one for each split.

  python -m experiments.make_synthetic_features --out=DIR \
    --variant=default --size=full --seed=0

DIR/gallery_photo, DIR/query_street and so on; docs/synthetic_earth.md says what
the splits and variants are. The same flags give the same stores. --size=full,
246,000 rows of 128 dimensions, is 60 MB and takes ten seconds or so.
"""

from collections.abc import Sequence
import pathlib

from experiments.run import launch
from input_pipeline.feature_earth import settings, stores
from input_pipeline.feature_earth import world as worlds

FLAGS = (
    launch.Flag('out', None, 'Folder for the stores.'),
    launch.Flag('variant', 'default', f'{", ".join(settings.VARIANTS)}.'),
    launch.Flag('size', 'tiny', f'{", ".join(settings.SIZES)}.'),
    launch.Flag('seed', 0, 'Another seed is another world.'),
    launch.Flag('splits', '', 'Splits to write, separated by commas; all '
                'without it.'),
)


def main(run: launch.Run) -> None:
  """A world, then its splits one after the other."""
  splits = [split.strip() for split in run.flags['splits'].split(',')
            if split.strip()]
  make(pathlib.Path(run.flags['out']), worlds.World(
      run.flags['variant'], run.flags['seed'], run.flags['size']), splits)


def make(out: pathlib.Path, world: worlds.World,
         splits: Sequence[str] = ()) -> None:
  """Writes those splits of a world, each to a folder of its name; or all."""
  splits = splits or world.splits
  for split in splits:
    world.num_rows(split)  # An unknown one is refused before any work.
    if (out / split).exists():
      raise ValueError(f'{out / split} exists; remove it or name another '
                       f'--out')
  for split in splits:
    store = stores.write(out / split, world, split)
    print(f'{len(store):,} rows of {world.size.dim} dimensions: {out / split}')


if __name__ == '__main__':
  launch.run(main, FLAGS, (('out',),))
