"""MP16-Pro as its owners publish it: one tar in byte slices, and CSVs.

  root/mp-16-images00 … 18      slices of one tar, members ./images/ID
  root/metadata/MP16_Pro_places365.csv, MP16_Pro_filtered.csv

Their tar_index.pkl is never opened: a pickle can run anything.
"""

from collections.abc import Mapping, Sequence
import pathlib
import re

from input_pipeline.datasets import archive, file_names, large_table, tar_index

TABLES: Mapping[str, str] = {'places365': 'MP16_Pro_places365.csv',
                             'filtered': 'MP16_Pro_filtered.csv'}
INDEX = 'mp-16-images.index.npz'
_PART = re.compile(r'mp-16-images(\d+)')
_IMAGES = ('./images/', 'images/')


def read_mp16_pro(root: str | pathlib.Path, table: str = 'places365',
                  cache_dir: str | pathlib.Path | None = None,
                  extra: Sequence[str] = (), bad_rows: str = 'refuse',
                  duplicates: str = 'refuse') -> archive.ArchivedPhotos:
  """The rows whose image is in the tar, in the order of the CSV.

  The first call walks the whole tar and saves the index in `cache_dir`, or
  next to the data.
  """
  if table not in TABLES:
    raise ValueError(f'table {table!r}: choices are {list(TABLES)}')
  root = pathlib.Path(root)
  parts = archive.parts(_parts(root))
  index = tar_index.load(parts, pathlib.Path(cache_dir or root) / INDEX, True)
  member_of, num_replaced = file_names.number(map(_id, index.names))
  index.names.clear()  # Millions, and no longer needed.
  rows = large_table.read(root / 'metadata' / TABLES[table], 'photo',
                          member_of, extra, bad_rows, duplicates)
  notes = [*index.notes, *rows.notes]
  if num_replaced:
    notes.append(f'{root}: {num_replaced} images left out: another of the same '
                 f'id follows')
  return archive.ArchivedPhotos(
      rows.photos, tuple(notes), rows.extra, parts,
      index.starts[rows.members], index.sizes[rows.members])


def _parts(root: pathlib.Path) -> list[pathlib.Path]:
  """The slices in order; refuses a gap, which would shift all that follows."""
  matches = [_PART.fullmatch(path.name) for path in sorted(root.iterdir())]
  slices = {int(m[1]): root / m.string for m in matches if m}
  if not slices:
    raise ValueError(f'{root}: no mp-16-images00, mp-16-images01, …; '
                     f'fetch them from Jia-py/MP16-Pro and leave them '
                     f'as they are')
  gaps = sorted(set(range(max(slices) + 1)) - set(slices))
  if gaps:
    raise ValueError(f'{root}: mp-16-images{gaps[0]:02d} is missing '
                     f'among {len(slices)} slices of one tar')
  return [slices[i] for i in sorted(slices)]


def _id(name: str) -> str:
  for prefix in _IMAGES:
    name = name.removeprefix(prefix)
  return name
