r"""A data set in its owners' layout to array_record files, as TFDS has them.

  python -m experiments.prepare_tfds --name=osv5m --root=data/osv5m \
    --out=data/tfds

Every binary that takes --config.data.name then takes tfds:osv5m with
--config.data.root=data/tfds: the same photos and columns, row by row at random,
from a few large files. The original bytes are copied; photos that cannot be
read are left out and counted. Neither TensorFlow nor a download is involved.

A data set of several splits is written with all of them; --splits names those
that are here. Options of its reader are those of --config.data.options, as
--options=swapped=fix,duplicates=first.

Stopped on the way, run it again: what was not finished is written again, what
was stays.
"""

import pathlib

from experiments.run import launch
from input_pipeline import open_source, sources
from input_pipeline.datasets import osv5m
from input_pipeline.feature_earth import world as synthetic
from pinpoint_jax.disk import lock

FLAGS = (
    launch.Flag('name', None, 'Data set, as extract_features names it.'),
    launch.Flag('root', '', 'Its folder.'),
    launch.Flag('out', None, 'Folder of all prepared data sets.'),
    launch.Flag('splits', '', 'Splits to write, between commas; all without '
                'it.'),
    launch.Flag('options', '', 'Further options of the reader, NAME=VALUE '
                'between commas.'),
)
WAYS = (('name', 'out'),)
_SPLITS = {'osv5m': tuple(osv5m.NUM_SHARDS),
           'synthetic_earth': synthetic.SPLITS}


def main(run: launch.Run) -> None:
  """Open every split, write them, say what is there."""
  from input_pipeline import tfds_builders  # Not for --help.
  name, out = run.flags['name'], pathlib.Path(run.flags['out'])
  splits = _open(name, run.flags['root'] or None, run.flags['splits'],
                 _options(run.flags['options']))
  for split, source in splits.items():
    for note in source.notes:
      print(f'note: {note}', flush=True)
    print(f'{split}: {len(source.photos):,} photos …', flush=True)
  with lock.hold(out):
    folder = tfds_builders.prepare(name, splits, out)
  for split, source in splits.items():
    made = open_source.open_source(f'tfds:{name}', out, split=split)
    print(f'{split}: {len(made.photos):,} of {len(source.photos):,} photos: '
          f'{folder}', flush=True)


def _open(name: str, root: str | None, wanted: str,
          options: dict[str, str]) -> dict[str, sources.PhotoSource]:
  known = _SPLITS.get(name, ('main',))
  splits = tuple(filter(None, wanted.split(','))) or known
  unknown = sorted(set(splits) - set(known))
  if unknown:
    raise ValueError(f'--splits={wanted}: {unknown[0]!r} is none of '
                     f'{", ".join(known)}')
  return {split: open_source.open_source(
      name, root, **options, **({} if known == ('main',) else {'split': split}))
          for split in splits}


def _options(text: str) -> dict[str, str]:
  pairs = [item.partition('=') for item in filter(None, text.split(','))]
  bad = [name for name, sign, _ in pairs if not sign]
  if bad:
    raise ValueError(f'--options={text}: {bad[0]!r} is no NAME=VALUE')
  return {name: value for name, _, value in pairs}


if __name__ == '__main__':
  launch.run(main, FLAGS, WAYS)
