"""A sheet of samples: one row per country, photos left, street view right.

python -m input_pipeline.synthetic_earth.contact_sheet \
    --out docs/synthetic_earth.png
"""

import argparse

from input_pipeline.synthetic_earth import dataset as synthetic
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw

_CELL = (112, 84)
_GAP = 3
_TITLE = 34


def contact_sheet(dataset: synthetic.SyntheticEarth, num_countries: int = 7,
                  num_each: int = 3) -> PilImage.Image:
  """Photos and street views of the countries that have most of both."""
  names = ('gallery_photo', 'gallery_street')
  countries = {name: dataset.cities(name).countries for name in names}
  chosen = _common(*countries.values(), num=num_countries)
  step = [side + _GAP for side in _CELL]
  sheet = PilImage.new('RGB', (_TITLE + 2 * num_each * step[0] + _GAP,
                               len(chosen) * step[1] + _GAP), 'white')
  draw = ImageDraw.Draw(sheet)
  for y, country in enumerate(chosen):
    draw.text((8, y * step[1] + _CELL[1] // 2), str(country), 'black')
    for half, name in enumerate(names):
      rows = _spread(np.flatnonzero(countries[name] == country), num_each)
      for x, row in enumerate(rows):
        left = _TITLE + (half * num_each + x) * step[0] + half * _GAP
        sheet.paste(_cell(dataset, name, int(row)), (left, y * step[1] + _GAP))
  return sheet


def _common(a: np.ndarray, b: np.ndarray, num: int) -> list[str]:
  """Countries by the smaller of their counts in both, then by name."""
  names = np.intersect1d(a, b)
  return sorted(names, key=lambda n: (
      -min((a == n).sum(), (b == n).sum()), n))[:num]


def _spread(rows: np.ndarray, num: int) -> np.ndarray:
  places = np.linspace(0, len(rows) - 1, min(num, len(rows)))
  return rows[places.astype(int)]


def _cell(dataset: synthetic.SyntheticEarth, split: str,
          row: int) -> PilImage.Image:
  """The photo, made to fit into a cell on grey."""
  picture = PilImage.fromarray(dataset.image(split, row))
  picture.thumbnail(_CELL)
  cell = PilImage.new('RGB', _CELL, (225, 225, 225))
  cell.paste(picture, tuple((a - b) // 2 for a, b in zip(_CELL, picture.size)))
  return cell


def main() -> None:
  """Writes the sheet."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True)
  parser.add_argument('--size', default='demo')
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args()
  dataset = synthetic.SyntheticEarth(args.size, args.seed)
  contact_sheet(dataset).save(args.out, optimize=True)


if __name__ == '__main__':
  main()
