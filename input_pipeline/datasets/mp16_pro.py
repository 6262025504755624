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
                  duplicates: str = 'refuse', cut: str = 'refuse',
                  ) -> archive.ArchivedPhotos:
  """The rows whose image is in the tar, in the order of the CSV.

  The first call walks the whole tar and saves the index in `cache_dir`, or
  next to the data. `cut='leave_out'` is for a download that is not finished:
  of the slices before the first gap, the photos that are whole.
  """
  if cut not in ('refuse', 'leave_out'):
    raise ValueError(f'cut={cut!r}: choices are refuse, leave_out')
  if table not in TABLES:
    raise ValueError(f'table {table!r}: choices are {list(TABLES)}')
  root = pathlib.Path(root)
  slices, notes = _parts(root, cut == 'leave_out')
  parts = archive.parts(slices)
  index = tar_index.load(parts, pathlib.Path(cache_dir or root) / INDEX, True,
                         may_be_cut=cut == 'leave_out')
  member_of, num_replaced = file_names.number(map(_id, index.names))
  index.names.clear()  # Millions, and no longer needed.
  rows = large_table.read(root / 'metadata' / TABLES[table], 'photo',
                          member_of, extra, bad_rows, duplicates)
  notes += [*index.notes, *rows.notes]
  if num_replaced:
    notes.append(f'{root}: {num_replaced} images left out: another of the same '
                 f'id follows')
  return archive.ArchivedPhotos(
      rows.photos, tuple(notes), rows.extra, parts,
      index.starts[rows.members], index.sizes[rows.members])


def _parts(root: pathlib.Path,
           first_ones: bool) -> tuple[list[pathlib.Path], list[str]]:
  """The slices in order, and notes; refuses a gap: all that follows shifts.

  first_ones: those before the gap instead.
  """
  matches = [_PART.fullmatch(path.name) for path in sorted(root.iterdir())]
  slices = {int(m[1]): root / m.string for m in matches if m}
  if not slices:
    raise ValueError(f'{root}: no mp-16-images00, mp-16-images01, …; '
                     f'fetch them from Jia-py/MP16-Pro and leave them '
                     f'as they are')
  gaps = sorted(set(range(max(slices) + 1)) - set(slices))
  notes = []
  if gaps and (not first_ones or not gaps[0]):
    raise ValueError(f'{root}: mp-16-images{gaps[0]:02d} is missing '
                     f'among {len(slices)} slices of one tar')
  if gaps:
    notes.append(f'{root}: mp-16-images{gaps[0]:02d} is missing: '
                 f'{sum(i > gaps[0] for i in slices)} slices after it are '
                 f'left out')
    slices = {i: path for i, path in slices.items() if i < gaps[0]}
  return [slices[i] for i in sorted(slices)], notes


def _id(name: str) -> str:
  for prefix in _IMAGES:
    name = name.removeprefix(prefix)
  return name
