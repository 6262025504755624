"""OSV-5M as its owners publish it: zip shards of street views and a CSV.

  root/train.csv  root/images/train/00.zip … 97.zip
  root/test.csv   root/images/test/00.zip … 04.zip
"""

from collections.abc import Mapping, Sequence
import pathlib

from input_pipeline.datasets import (
  file_names,
  large_table,
  zip_members,
)

NUM_SHARDS: Mapping[str, int] = {'train': 98, 'test': 5}
# Columns that evaluation needs.
EXTRA = ('country', 'region', 'sub-region', 'city', 'unique_country',
         'unique_region', 'unique_sub-region', 'unique_city',
         'quadtree_10_1000')


def read_osv5m(root: str | pathlib.Path, split: str = 'test',
               extra: Sequence[str] = EXTRA, bad_rows: str = 'refuse',
               duplicates: str = 'refuse') -> zip_members.ZippedPhotos:
  """The rows of a split whose image is in a shard, in the order of the CSV."""
  if split not in NUM_SHARDS:
    raise ValueError(f'split {split!r}: choices are {list(NUM_SHARDS)}')
  root = pathlib.Path(root)
  shards = sorted((root / 'images' / split).glob('[0-9][0-9].zip'))
  if not shards:
    raise ValueError(
        f'{root / "images" / split}: no shards 00.zip, 01.zip, …; fetch them '
        f'from osv5m/osv5m and leave them zipped')
  members = zip_members.members(shards)
  member_of, num_replaced = file_names.number(
      name.rsplit('/', 1)[-1] for name in members.names)
  members.names.clear()  # Millions, and no longer needed.
  table = large_table.read(root / f'{split}.csv', 'street', member_of, extra,
                           bad_rows, duplicates)
  notes = [*members.notes, *_missing_shards(shards, split), *table.notes]
  if num_replaced:
    notes.append(f'{root / "images" / split}: {num_replaced} images left out: '
                 f'another of the same id follows')
  return zip_members.ZippedPhotos(
      table.photos, tuple(notes), table.extra, members.parts,
      members.table[table.members])


def _missing_shards(shards: Sequence[pathlib.Path], split: str) -> list[str]:
  there = {path.stem for path in shards}
  names = [f'{i:02d}' for i in range(NUM_SHARDS[split])]
  missing = [name for name in names if name not in there]
  if not missing:
    return []
  return [f'{shards[0].parent}: {len(missing)} of {len(names)} shards are not '
          f'here, the first is {missing[0]}.zip']
