"""Sheets to look at: pictures of one world, and each cue number swept.

python -m input_pipeline.picture_earth.sheets --out docs/picture_earth.png
python -m input_pipeline.picture_earth.sheets --sweep town --out town.png
"""

import argparse

from input_pipeline.feature_earth import settings
from input_pipeline.picture_earth import composition, dataset
from input_pipeline.picture_earth import scene as scenes
import numpy as np
from PIL import Image as PilImage
from pinpoint_jax import types

_GAP = 3
# A picture whose parts are all where they usually are.
_PLAIN = 0.6
SWEEP = (-2.0, -1.0, 0.0, 1.0, 2.0)


def contact_sheet(earth: dataset.PictureEarth, num_rows: int = 5,
                  num_each: int = 3, side: int = 144) -> PilImage.Image:
  """Photos left and street views right, a town a row."""
  tables = [_by_town(earth, f'gallery_{source}') for source in types.SOURCES]
  towns = sorted(tables[0].keys() & tables[1].keys(), key=lambda town: -min(
      len(table[town]) for table in tables))[:num_rows]
  rows = []
  for town in towns:
    cells = [earth.image(f'gallery_{source}', row, side)
             for source, table in zip(types.SOURCES, tables)
             for row in _fullest(earth, f'gallery_{source}', table[town],
                                 num_each)]
    rows.append(cells)
  return _sheet(rows, side)


def sweep_sheet(source: types.Source, cue: str, side: int = 96) -> (
    PilImage.Image):
  """A row for each number of the cue, from -2 to +2, all else fixed."""
  num_dims = next(c.num_dims for c in settings.CUES if c.name == cue)
  return _sheet([[composition.picture(swept(source, cue, number, value), side)
                  for value in SWEEP] for number in range(num_dims)], side)


def swept(source: types.Source, cue: str, number: int, value: float,
          alone: bool = True) -> scenes.Scene:
  """A scene in which one number of a cue has that value, all others 0.

  alone: nothing else is shown; else everything is.
  """
  values = np.zeros(scenes.NUM_CUES)
  values[scenes.COLUMNS[cue].start + number] = value
  strengths = np.asarray([float(not alone or c.name == cue)
                          for c in settings.CUES])
  return scenes.scene(
      source, values, strengths, np.full(scenes.NUM_CONTENT, _PLAIN),
      np.full(scenes.NUM_CAMERA, 0.5), False, 0)


def _by_town(earth: dataset.PictureEarth, split: str) -> dict[int, list[int]]:
  """Rows of the split's first block by the town they belong to."""
  taken, rows = earth.world.taken(split, 0), {}
  town = earth.world.geography.nearest_town(taken.spot_deg)
  for row, number in enumerate(town.tolist()):
    rows.setdefault(number, []).append(row)
  return rows


def _fullest(earth: dataset.PictureEarth, split: str, rows: list[int],
             num: int) -> list[int]:
  """Those that show most, in their order."""
  best = sorted(rows, key=lambda row: -len(earth.shown(split, row)))[:num]
  return sorted(best)


def _sheet(rows: list[list[np.ndarray]], side: int) -> PilImage.Image:
  step = side + _GAP
  sheet = PilImage.new('RGB', (max(map(len, rows)) * step + _GAP,
                               len(rows) * step + _GAP), 'white')
  for y, cells in enumerate(rows):
    for x, cell in enumerate(cells):
      sheet.paste(PilImage.fromarray(cell),
                  (_GAP + x * step, _GAP + y * step))
  return sheet


def main() -> None:
  """Writes a sheet."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True)
  parser.add_argument('--sweep', default='', help='a cue; else a contact sheet')
  parser.add_argument('--source', default='photo', choices=types.SOURCES)
  parser.add_argument('--size', default='demo')
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args()
  sheet = sweep_sheet(args.source, args.sweep) if args.sweep else (
      contact_sheet(dataset.picture_earth(args.size, args.seed)))
  sheet.save(args.out, optimize=True)


if __name__ == '__main__':
  main()
