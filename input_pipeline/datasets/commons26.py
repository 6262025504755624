"""commons26: Wikimedia Commons photos of 2026, a folder and one table.

  root/*.csv or root/*.parquet    one table, or the one that `table` names
  root/…/NAME.jpg                 the photos, anywhere below

Nobody can have trained on them. What the published files are called is not
known to us, so no name is asked for: any one table will do, with the columns
that csv_table accepts, and further ones are kept.
"""

import pathlib

from input_pipeline.datasets import csv_images, file_photos

TABLES = ('.csv', '.parquet')
NUM_PHOTOS = 5023


def read_commons26(
    root: str | pathlib.Path, table: str | None = None, images: str = '.',
    swapped: str = 'refuse', duplicates: str = 'refuse',
) -> file_photos.FilePhotos:
  """The photos below `root` in the order of the table.

  `table` and `images` are paths below `root`.
  """
  root = pathlib.Path(root)
  path = root / table if table else _table(root)
  return csv_images.read_csv_images(path, root / images, 'photo', swapped,
                                    duplicates)


def _table(root: pathlib.Path) -> pathlib.Path:
  if not root.is_dir():
    raise ValueError(f'{root} is not a folder')
  there = sorted(path for path in root.iterdir() if path.suffix in TABLES)
  if len(there) != 1:
    raise ValueError(
        f'{root}: {len(there)} tables {"/".join(TABLES)} are here, not one'
        f'{": " if there else ""}{", ".join(path.name for path in there[:5])}; '
        f'name it with table=')
  return there[0]
