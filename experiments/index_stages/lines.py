"""What `pinpoint index` says to its user."""

from collections import Counter
from collections.abc import Iterable, Iterator
import pathlib
from typing import Any

from experiments.run.index_dir import UNTAGGED
from input_pipeline.datasets import own_photos


def of_scan(scan: own_photos.Scan) -> Iterator[str]:
  """Counts of a scan, one line for each thing to know."""
  sources = Counter(photo.source for photo in scan.tagged)
  origins = len({(photo.source, photo.origin) for photo in scan.tagged})
  listed = ' and '.join(f'{count:,} {source}' for source, count in
                        sorted(sources.items())) or 'none'
  yield f'tagged    {listed} pictures of {origins:,} days'
  if scan.num_undated:
    yield (f'note: {scan.num_undated:,} have no date: their folder counts as '
           f'their day')
  yield f'untagged  {len(scan.untagged):,}, left for predict'
  reasons = Counter(entry.reason for entry in scan.refused)
  if num_heic := reasons.pop(own_photos.HEIC, 0):
    yield (f'WARNING: {num_heic:,} HEIC photos cannot be read: pip install '
           f'"pinpoint_jax[heic]", then run this again')
  for reason, count in sorted(reasons.items()):
    first = next(x for x in scan.refused if x.reason == reason)
    yield f'note: {count:,} unreadable: {reason}, the first is {first.path!r}'
  for reason, count in sorted(scan.left_out.items()):
    yield f'note: {count:,} left out: {reason}'


def of_embedder(own: Any, num_rows: int) -> str:
  """Whether it was solved, on how much, and why not; a models.Embedder."""
  if not own.is_new:
    now = f'; now there are {num_rows:,}' * (num_rows != own.num_rows)
    return f'embedder  of before, solved on {own.num_rows:,} pictures{now}'
  if own.pair_km is None:
    return ('embedder  none: features alone are compared, for there are too '
            'few photos, or no two days show one place')
  return (f'embedder  solved on {num_rows:,} pictures; two days within '
          f'{own.pair_km:g} km show one place')


def of_model(figures: dict[str, Any],
             sources: Iterable[str]) -> Iterator[str]:
  """What days left out say, and why there is nothing where they do not."""
  from pinpoint_jax.crossval import solved
  for source in sources:
    if part := figures['held_out_days'].get(source):
      yield (f'{source:<10}days left out: {part["acc@25km"]:.0%} within 25 km, '
             f'median {part["median_km"]:,.1f} km')
    else:
      yield (f'{source:<10}not calibrated: fewer than {solved.MIN_ROWS} '
             f'pictures or {solved.MIN_ORIGINS} days')
    for note in figures['notes'].get(source, ()):
      yield f'note: {source}: {note}'


def advice(out: pathlib.Path, scan: own_photos.Scan) -> str:
  """What to do next."""
  if not scan.untagged:
    return (f'every readable photo is tagged; to place others:\n'
            f'  pinpoint predict PHOTO... --index={out}')
  return (f'to place the {len(scan.untagged):,} untagged photos:\n'
          f'  pinpoint predict {out / UNTAGGED} --index={out}')
