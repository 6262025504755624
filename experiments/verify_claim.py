r"""Whether photos are consistent with the places that are claimed for them.

  pinpoint verify-claim PHOTO... --at=48.8566,2.3522 --index=DIR
  pinpoint verify-claim PHOTO... --at=48.8566,2.3522 --model=M --gallery=G
  pinpoint verify-claim --claims=claims.csv --model=M --gallery=G --out=v.csv

PHOTO is as in `pinpoint predict`: a file, a folder, a quoted pattern, a CSV
with a column path, or a feature store; --at is the place that is claimed for
all of them. --claims is a table with the columns path, lat and lng, a claim a
row, its paths relative to it. With a feature store as PHOTO, the table has id
in place of path. DIR is what `pinpoint index` made of own photos, 40 or more of
6 or more days: from fewer no claim can be judged. --out writes .json, .jsonl or
.csv; else verdicts are printed.

A verdict is `doubtful` where the p-value is at most --level: of true claims
about photos like those that calibrated the model, at most that share is called
so. `consistent` is no proof: many places fit most photos. `unjudged` says that
a photo cannot be read, or that the gallery has no photo within 200 km of the
place. docs/verify_claim.md says what the numbers mean and what they do not.

GPS that a photo holds is never read by the model, nor shown.

Exit codes: 0 judged, whatever the verdicts; 1 refused, or no photo could be
read; 2 the command line; 143 stopped by SIGTERM, 130 by Ctrl-C.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import pathlib
import sys

from experiments.run import index_dir, launch
from input_pipeline import csv_table, photo_paths
from jaxtyping import Float
import numpy as np
from pinpoint_jax.answer import claim_records, claims, predict
from pinpoint_jax.features import progress
from pinpoint_jax.features import store as stores
from pinpoint_jax.report import claim_files, claim_text

FLAGS = (
    launch.Flag('model', None, 'Model directory, exported with --calibrate.'),
    launch.Flag('gallery', None, 'Gallery directory.'),
    launch.Flag('index', '', 'What pinpoint index made: stands for both.'),
    launch.Flag('at', '', 'LAT,LNG in degrees: the place that is claimed for '
                'every photo.'),
    launch.Flag('claims', '', 'CSV with the columns path (or id), lat and lng: '
                'a place for each photo.'),
    launch.Flag('out', '', 'File to write: .json, .jsonl or .csv.'),
    launch.Flag('level', 0.05, 'Share of true claims that may be called '
                'doubtful.'),
    launch.Flag('top_k', 5, 'Candidates in each photo\'s own answer.'),
    launch.Flag('task', '', 'photo or street, what the photos are; by default '
                'the model decides for each.'),
    launch.Flag('backbone', '', 'Model of pictures, a name or folder, where '
                'MODEL names none that is here.'),
    launch.Flag('search', 'exact', 'exact, or index: by the index of the '
                'gallery.'),
)
WAYS = (('model', 'gallery'), ('index',))


def main(run: launch.Run) -> None:
  """List, judge, write."""
  options = run.flags
  listed = _listed(run.words, options['at'], options['claims'])
  out = pathlib.Path(options['out']) if options['out'] else None
  if out:
    claim_files.check(out, listed.ids)
  opened = predict.Pinpoint.load(*index_dir.model_and_gallery(options),
                                 options['search'], options['backbone'])
  verdicts = []
  shown = progress.Progress(len(listed.ids), unit='photos')
  for verdict in opened.stream_claims(
      listed.photos, listed.latlng_deg, options['level'], options['top_k'],
      options['task'] or None, listed.rows):
    verdicts.append(verdict)
    if not out:
      print(claim_text.text(verdict), flush=True)
    shown.add(1)
  shown.finish()
  if out:
    claim_files.write(out, verdicts)
  _finish(verdicts, out)


@dataclasses.dataclass(frozen=True)
class _Listed:
  """Photos and the places that are claimed for them.

  Attributes:
    ids: of the photos.
    photos: paths, or a feature store.
    latlng_deg: the claimed places.
    rows: of the store, in the order of the claims; None for paths.
  """

  ids: tuple[str, ...]
  photos: tuple[str, ...] | stores.FeatureStore
  latlng_deg: Float[np.ndarray, 'b 2']
  rows: Sequence[int] | None = None


def _listed(words: Sequence[str], at: str, table: str) -> _Listed:
  if bool(at) == bool(table):
    raise ValueError('name the claimed place by --at=LAT,LNG, or a table of '
                     'claims by --claims=FILE.csv: one of the two')
  is_store = any((pathlib.Path(word) / stores.KIND.manifest).exists()
                 for word in words)
  if is_store and len(words) > 1:
    raise ValueError(f'{words[0]!r} and {len(words) - 1} more: a feature store '
                     f'is judged alone')
  store = stores.open_store(words[0]) if is_store else None
  if table:
    return _of_table(table, store, words)
  if not words:
    raise ValueError('no photo is named: pinpoint verify-claim PHOTO... '
                     '--at=LAT,LNG; see --help')
  place = parsed_place(at)
  if store is not None:
    ids = tuple(store.photos.ids.tolist())
    return _Listed(ids, store, np.tile(place, (len(ids), 1)),
                   range(len(ids)))
  listing = photo_paths.listed(words)
  for reason, count in sorted(listing.left_out.items()):
    print(f'note: {count:,} left out: {reason}', file=sys.stderr)
  return _Listed(listing.paths, listing.paths,
                 np.tile(place, (len(listing.paths), 1)))


def parsed_place(text: str) -> Float[np.ndarray, '2']:
  """LAT,LNG in degrees; refuses what is no place, saying how to write it."""
  try:
    if not text.isascii() or '_' in text:
      raise ValueError(text)
    lat, lng = map(float, text.split(','))
  except ValueError as error:
    raise ValueError(
        f'--at={text}: write LAT,LNG in degrees with decimal points, as '
        f'--at=48.8566,2.3522 or --at=-33.87,151.21') from error
  try:
    return claims.checked_places([(lat, lng)])[0]
  except ValueError as error:
    raise ValueError(f'--at={text}: {error}') from error


def _of_table(table: str, store: stores.FeatureStore | None,
              words: Sequence[str]) -> _Listed:
  if words and store is None:
    raise ValueError(f'--claims={table} names the photos itself: leave out '
                     f'{words[0]!r}, or name a feature store')
  claimed = csv_table.read_photos_csv(
      table, 'photo', id_names=('path',) if store is None else
      csv_table.COLUMNS['id']).photos
  ids = claimed.ids.tolist()
  if store is None:
    folder = pathlib.Path(table).parent
    paths = tuple(str(folder / name) for name in ids)
    return _Listed(paths, paths, claimed.latlng_deg)
  row_of = {name: row for row, name in enumerate(store.photos.ids.tolist())}
  unknown = [name for name in ids if name not in row_of]
  if unknown:
    raise ValueError(f'{table}: {len(unknown)} ids are not in {store.path}, '
                     f'the first is {unknown[0]!r}')
  return _Listed(tuple(ids), store, claimed.latlng_deg,
                 [row_of[name] for name in ids])


def _finish(verdicts: Iterable[claim_records.Verdict],
            out: pathlib.Path | None) -> None:
  """Says how many are doubtful; a run in which no photo was read is refused."""
  counts = dict.fromkeys(('consistent', 'doubtful', 'unjudged'), 0)
  unread = []
  total = 0
  for verdict in verdicts:
    total += 1
    counts[verdict.word] += 1
    if verdict.p_value is None:
      unread.append(verdict)
  if len(unread) == total:
    raise ValueError(f'none of {total:,} photos can be judged; the first is '
                     f'{unread[0].id!r}: {unread[0].warnings[0]}')
  summary = ', '.join(f'{count:,} {word}' for word, count in counts.items())
  print(f'{summary}{f": {out}" if out else ""}')
  for verdict in unread if out else ():
    print(f'note: {verdict.id!r} cannot be judged: {verdict.warnings[0]}',
          file=sys.stderr)


def run() -> None:
  """Entry of the binary and of `pinpoint verify-claim`."""
  launch.run(main, FLAGS, WAYS, takes_words=True)


if __name__ == '__main__':
  run()
