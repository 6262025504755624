r"""Draws docs/answer.png: a query, its candidates on a map, and the evidence.

  python docs/make_answer.py --demo=runs/demo --out=docs/answer.png --row=31

Everything is computed by the library from a finished demo of the rendered world
(python -m experiments.demo --config=demo:pixels): the shortlist, the scores of
the reranker, and the gallery photos of its candidates. Among the queries by new
authors that are answered right, --row chooses one. The dots of the map are the
cities of the offline table.
"""

import argparse
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont
import pinpoint_jax as pj
from pinpoint_jax.answer import open_systems
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import places
from pinpoint_jax.search import masks

QUERIES = 'query_photo_new'
SIZE = (1000, 430)
MAP = (250, 40, 990, 290)  # Left, top, right, bottom.
LAND, BEST, OTHER, TRUTH = '#c4ccd4', '#d33f2a', '#3a6ea5', '#1c8a4c'
SOUTH, NORTH = -56., 78.


def main() -> None:
  """Answers, draws, saves."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--demo', type=pathlib.Path, required=True)
  parser.add_argument('--out', required=True)
  parser.add_argument('--row', type=int, default=0)
  words = parser.parse_args()
  answer = Answer(words.demo, words.row)
  sheet = Image.new('RGB', SIZE, 'white')
  draw = ImageDraw.Draw(sheet)
  draw_map(draw, answer)
  paste(sheet, draw, answer.query_picture, (10, 40), 230,
        ['query (synthetic photo)'])
  for slot, (row, share) in enumerate(answer.evidence()):
    paste(sheet, draw, answer.gallery_picture(row), (10 + 198 * slot, 318), 188,
          [f'{answer.caption(row)}  {share:.0%}'], height=100)
  draw.text((10, 12), 'Where was this taken?', 'black', font(16))
  draw.text((MAP[0], 12), f'{answer.name}: {answer.error_km:.1f} km from the '
            'true place', 'black', font(16))
  draw.text((10, 298), 'Evidence: gallery photos and street views behind the '
            'candidates, by the reranker’s score', 'black', font(13))
  sheet.save(words.out, optimize=True)


class Answer:
  """One query, answered by the reranker of a finished demo."""

  def __init__(self, demo: pathlib.Path, row: int):
    self._demo = demo
    opened = open_systems.OpenGallery(demo / 'embedder' / 'both' / 'model',
                               demo / 'gallery' / 'both_combined')
    self.gallery = opened.gallery
    store = pj.open_store(demo / 'features' / QUERIES / 'store')
    rerankers = open_systems.load_rerankers(
        'photo', [demo / 'reranker' / 'both' / 'interaction_photo' / 'model'])
    answering = opened.answering_for('photo', rerankers, open_systems.Settings(
        0, 20., shortlist.Sizes(), wanted=('full',)))
    queries = opened.queries(store)
    listed = answering.candidates(
        queries, masks.open_mask(len(queries)))['full']
    truth = store.photos.latlng_deg
    dist_km = pj.haversine_km(
        self.gallery.latlng_deg[listed.rows[:, 0]], truth)
    right = np.flatnonzero(dist_km < 25)
    print(f'{len(right)} of {len(truth)} answers are right: --row=0 … '
          f'{len(right) - 1}')
    query = right[row]
    self.truth_deg, self.error_km = truth[query], float(dist_km[query])
    self.query_picture = self._picture(QUERIES, store.photos.ids[query])
    kept = listed.rows[query] >= 0
    self.rows = listed.rows[query][kept]
    shares = np.exp(listed.scores[query][kept] - listed.scores[query].max())
    self.shares = shares / shares.sum()
    self.latlng_deg = self.gallery.latlng_deg[self.rows]
    self.name = self.caption(self.rows[0])

  def evidence(self) -> list[tuple[int, float]]:
    """The five best candidates and their shares."""
    return list(zip(self.rows[:5].tolist(), self.shares[:5].tolist()))

  def caption(self, row: int) -> str:
    """City and country of a gallery row."""
    city = places.load_cities().take(
        places.nearest(self.gallery.latlng_deg[[row]]))
    return f'{city.names[0]}, {city.countries[0]}'

  def gallery_picture(self, row: int) -> Image.Image:
    """The JPEG of a gallery row."""
    name = str(self.gallery.ids(np.array([row]))[0])
    for split in ('gallery_photo', 'gallery_street'):
      if (self._demo / 'data' / split / f'{name}.jpg').exists():
        return self._picture(split, name)
    raise FileNotFoundError(f'{self._demo}/data: no picture of {name}')

  def _picture(self, split: str, name: str) -> Image.Image:
    return Image.open(self._demo / 'data' / split / f'{name}.jpg')


def draw_map(draw: ImageDraw.ImageDraw, answer: Answer) -> None:
  """Cities as land, candidates as dots, the answer and the truth as rings."""
  draw.rectangle(MAP, fill='#f4f7fa')
  for x, y in np.unique(on_map(places.load_cities().latlng_deg), axis=0):
    draw.point((int(x), int(y)), LAND)
  for place, share in zip(answer.latlng_deg[::-1], answer.shares[::-1]):
    x, y = on_map(place[None])[0]
    radius = 3 + 8 * np.sqrt(share)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius),
                 fill=OTHER, outline='white')
  for place, colour, radius in ((answer.latlng_deg[0], BEST, 12),
                                (answer.truth_deg, TRUTH, 16)):
    x, y = on_map(place[None])[0]
    draw.ellipse((x - radius, y - radius, x + radius, y + radius),
                 outline=colour, width=3)
  for line, (text, colour) in enumerate((
      ('candidate', OTHER), ('answer', BEST), ('true place', TRUTH))):
    x, y = MAP[0] + 14, MAP[3] - 46 + 17 * line
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=colour, width=2,
                 fill=colour if colour == OTHER else None)
    draw.text((x + 10, y - 9), text, colour, font(13))


def on_map(latlng_deg: np.ndarray) -> np.ndarray:
  """Pixels [n, 2] of places on a plain cylindrical map."""
  left, top, right, bottom = MAP
  x = left + (latlng_deg[:, 1] + 180) / 360 * (right - left)
  y = top + (NORTH - latlng_deg[:, 0]) / (NORTH - SOUTH) * (bottom - top)
  return np.stack([x, y.clip(top, bottom)], axis=1).astype(int)


def paste(sheet: Image.Image, draw: ImageDraw.ImageDraw, picture: Image.Image,
          at: tuple[int, int], width: int, lines: list[str],
          height: int = 230) -> None:
  """A picture cropped to the box, with its caption on the lower edge."""
  scale = max(width / picture.width, height / picture.height)
  picture = picture.convert('RGB').resize(
      (round(picture.width * scale), round(picture.height * scale)))
  left, top = (picture.width - width) // 2, (picture.height - height) // 2
  sheet.paste(picture.crop((left, top, left + width, top + height)), at)
  x, y = at
  draw.rectangle((x, y + height - 18, x + width - 1, y + height - 1), 'white')
  draw.text((x + 2, y + height - 16), lines[0], 'black', font(12))


def font(size: int) -> ImageFont.FreeTypeFont:
  """Pillow's own font."""
  return ImageFont.load_default(size)


if __name__ == '__main__':
  main()
