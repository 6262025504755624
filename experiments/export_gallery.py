r"""A gallery to a vector database, for serving beyond one machine.

  pinpoint export --gallery=G --to=qdrant --at=http://HOST:6333
  python -m experiments.export_gallery --gallery=G --to=qdrant --at=FOLDER

Every row that is not deleted becomes a point of --collection: its image and
place embeddings (with --raw its backbone feature too) under the row's number,
and its id, place, source, author, sequence, country, first administrative level
and licence as payload, by which answers are filtered (docs/search.md). Products
of these vectors are the scores of our own exact search.

Stopped in any way, run the same again: rows that are there are not written
again. At the end points are counted and 100 of them compared with the gallery;
only then does the collection's metadata carry the gallery's fingerprint. Rows
deleted from the gallery are deleted from the collection by the next export; a
collection of other rows is refused.

--at is a server, whose key is read from QDRANT_API_KEY if it wants one, or a
folder: qdrant-client then keeps the points itself, which suits small galleries.

Exit codes: 0 all rows are there; 1 refused, with one line that says why; 143
stopped by SIGTERM and 130 by Ctrl-C, run again to continue.
"""

import pathlib

from experiments.run import launch
from pinpoint_jax.gallery import gallery as galleries

TARGETS = ('qdrant',)
FLAGS = (
    launch.Flag('gallery', None, 'Gallery that build_gallery made.'),
    launch.Flag('to', None, 'What it is exported to: qdrant.'),
    launch.Flag('at', None, 'Server, as http://HOST:6333, or a local folder.'),
    launch.Flag('collection', 'pinpoint', 'Name of the collection.'),
    launch.Flag('raw', False, 'Export the raw features too.'),
)
WAYS = (('gallery', 'to', 'at'),)


def main(run: launch.Run) -> None:
  """Exports and says how much."""
  flags = run.flags
  if flags['to'] not in TARGETS:
    raise ValueError(f'--to={flags["to"]}: choices are {TARGETS}')
  if '://' not in flags['at']:
    launch.check_writable('at', pathlib.Path(flags['at']))
  from pinpoint_jax.gallery import qdrant  # An extra brings its client.
  gallery = galleries.open_gallery(flags['gallery'])
  launch.exit_on_signals('; run the same command to continue')
  with qdrant.connected(flags['at']) as client:
    done = qdrant.export(gallery, client, flags['collection'], flags['raw'])
  print(f'{done.num_points:,} points in collection {flags["collection"]!r} at '
        f'{flags["at"]}: {done.num_written:,} written now, '
        f'{done.num_sampled:,} read back and compared; gallery '
        f'{gallery.fingerprint()}')


def run() -> None:
  """Entry of the binary and of `pinpoint export`."""
  launch.run(main, FLAGS, WAYS)


if __name__ == '__main__':
  run()
