r"""Fingerprints of a data set's pictures, which `pinpoint audit` compares.

  python -m experiments.hash_photos --config=hash_photos --workdir=W \
    --config.data.name=csv --config.data.root=DATA

reads each photo once, names data sets and options as extract_features does, and
writes W/prints: a hash of the pixels of each photo and a thumbnail of 32 × 32,
1.2 KB together. No photo is read again by an audit. Stopped in any way, run it
again: finished parts are kept. A data set whose table has changed is refused.
A photo that was replaced under its id is not noticed: use another workdir.

Exit codes: 0 done; 1 refused, with one line that says why; 143 stopped by
SIGTERM and 130 by Ctrl-C, run again to continue.
"""

from collections import Counter
import sys

from experiments.run import launch
from input_pipeline import open_source
from pinpoint_jax.audit import prints
from pinpoint_jax.disk import lock, parts


def main(run: launch.Run) -> None:
  """Open the data, read every photo, say what was left out."""
  config = run.config
  options = {name: value for name, value in config.data.options.items()
             if value is not None}
  with lock.hold(run.workdir):
    source = open_source.open_source(
        config.data.name, config.data.root or None,
        max_rows=config.data.max_rows or None,
        record=run.workdir / 'photos.npz', **options)
    for note in source.notes:
      print(f'note: {note}', flush=True)
    request = launch.Request()
    try:
      made = prints.make(source, run.workdir / 'prints', config.processes,
                         config.max_failed_share, request)
    except parts.Interrupted:
      print('stopped; finished parts are kept, run the same command to '
            'continue', file=sys.stderr, flush=True)
      sys.exit(request.exit_code)
  failed = Counter(made.failed[made.failed != ''].tolist())
  for reason, count in failed.most_common():
    print(f'note: {count:,} photos have no fingerprint: {reason}')
  print(f'{len(made) - failed.total():,} of {len(made):,} photos: '
        f'{run.workdir / "prints"}')


if __name__ == '__main__':
  launch.run(main)
