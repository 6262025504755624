r"""Measures `pinpoint verify-claim` on Synthetic Earth, and draws its curves.

  python docs/make_verify_claim.py --demo=runs/demo --out=docs \
    --queries=query_photo_new,query_street

Reads a finished demo (make demo). Every photo is judged at its true place and
at the place of another gallery row of its source, about 50, 200, 750 and 2500
km away. Writes OUT/verify_claim.svg and prints the table of
docs/verify_claim.md. Nothing is fitted here: the model was calibrated on other
photos, by other authors and on other drives.
"""

import argparse
from collections.abc import Mapping, Sequence
import dataclasses
import pathlib

from jaxtyping import Float
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.answer import answerer as answerers
from pinpoint_jax.answer import claims, moved_places
from pinpoint_jax.answer import model as models
from pinpoint_jax.answer import writer as writers
from pinpoint_jax.evals import bootstrap
from pinpoint_jax.features import store as stores

DISTANCES_KM = (50, 200, 750, 2500)
LEVEL = 0.05
_BLOCK = 64
_RESAMPLES = 1000
_COLOURS = ('#9aa5b1', '#e0a030', '#3a6ea5', '#d33f2a')
_SIDE, _LEFT, _TOP, _GAP = 240, 50, 34, 80


@dataclasses.dataclass(frozen=True)
class Measured:
  """Statistics and p-values of one query set.

  Attributes:
    clusters: author or drive of each photo.
    statistic: at the true place, then at each of DISTANCES_KM; NaN where the
      gallery has no place that far off, [n, 5].
    p_values: the same.
  """

  clusters: types.Strings
  statistic: Float[np.ndarray, 'n 5']
  p_values: Float[np.ndarray, 'n 5']

  def rejected(self, level: float) -> Float[np.ndarray, 'n 5']:
    """1 where a claim is doubtful, NaN where there is none."""
    return np.where(np.isnan(self.p_values), np.nan, self.p_values <= level)

  def moved(self, column: int) -> Float[np.ndarray, 'm']:
    """Statistics at the moved places that there are."""
    values = self.statistic[:, column]
    return values[~np.isnan(values)]

  def area(self, column: int) -> float:
    """Area under the ROC curve: how often a true place fits better."""
    true, moved = np.sort(self.statistic[:, 0]), self.moved(column)
    below = (np.searchsorted(true, moved, 'left')
             + np.searchsorted(true, moved, 'right')) / 2
    return float(1 - below.mean() / len(true))


def main() -> None:
  """Measures, prints, draws."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--demo', type=pathlib.Path, required=True)
  parser.add_argument('--model', type=pathlib.Path)
  parser.add_argument('--queries', default='query_photo_new,query_street')
  parser.add_argument('--photos', type=int, default=1 << 30)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  words = parser.parse_args()
  judge = claims.Judge(answerers.Answerer(
      models.load(words.model or words.demo / 'model'),
      words.demo / 'gallery' / 'both_combined'))
  measured = {}
  for name in words.queries.split(','):
    store = stores.open_store(words.demo / 'features' / name / 'store')
    measured[name] = measure(judge, store, words.photos)
    print('\n'.join(lines(name, measured[name])), flush=True)
  (words.out / 'verify_claim.svg').write_text(drawing(measured),
                                              encoding='utf-8')


def measure(judge: claims.Judge, store: stores.FeatureStore,
            most: int) -> Measured:
  """Judges photos of a store at true and at moved places."""
  task, gallery = store.manifest['source'], judge.answerer.opened.gallery
  chosen = blocks.evenly_spread(len(store), most)
  photos = store.photos.take(chosen)
  around = moved_places.places_of(gallery, task)
  places = np.stack([photos.latlng_deg, *(moved_places.at_distance(
      around, photos.latlng_deg, photos.ids.tolist(), km)
                                          for km in DISTANCES_KM)], axis=1)
  request, statistics = judge.answerer.request(), []
  for at in blocks.slices(len(chosen), _BLOCK):
    writer, good = writers.of_features(
        judge.answerer, task, store.rows(chosen[at]), request)
    if len(good) != len(chosen[at]):
      raise ValueError(f'{store.path}: a photo has no feature')
    statistics += [of_photo(judge, task, writer.take(i), places[at][i])
                   for i in good]
  statistic = np.stack(statistics)
  p_values = judge.calibration(task).p_values(statistic)
  return Measured(photos.clusters, statistic, np.where(
      np.isnan(statistic), np.nan, p_values))


def of_photo(judge: claims.Judge, task: str, writer: writers.Writer,
             places: Float[np.ndarray, '5 2']) -> Float[np.ndarray, '5']:
  """Statistics of one photo at places, NaN where there is none."""
  there = np.isfinite(places).all(axis=1)
  values = np.full(len(places), np.nan)
  values[there] = judge.statistics(
      task, writer, [judge.pool(place) for place in places[there]])
  return values


def lines(name: str, measured: Measured) -> list[str]:
  """Rows of the table in docs/verify_claim.md."""
  shares = measured.rejected(LEVEL)
  low, high = intervals(shares, measured.clusters)
  rows = []
  for i, km in enumerate((0, *DISTANCES_KM)):
    area = f'{measured.area(i):.3f}' if km else '–'
    rows.append(
        f'| {name} | {f"{km:,} km" if km else "true place"} | '
        f'{np.isfinite(shares[:, i]).sum():,} | {np.nanmean(shares[:, i]):.1%} '
        f'[{low[i]:.1%}, {high[i]:.1%}] | {area} |')
  return rows


def intervals(values: Float[np.ndarray, 'n c'], clusters: types.Strings,
              ) -> Float[np.ndarray, '2 c']:
  """95 % intervals of the means, resampling authors or drives."""
  _, codes = np.unique(clusters, return_inverse=True)
  num = int(codes.max()) + 1
  sums, sizes = (np.stack([np.bincount(codes, column, num)
                           for column in table.T], axis=1)
                 for table in (np.nan_to_num(values), ~np.isnan(values)))
  rng, draws = np.random.default_rng(0), []
  for _ in range(_RESAMPLES):
    weights = bootstrap.resampled(rng, num)
    draws.append(weights @ sums / (weights @ sizes))
  return np.quantile(draws, [.025, .975], axis=0)


def drawing(measured: Mapping[str, Measured]) -> str:
  """ROC curves as SVG, a square for each query set."""
  width = len(measured) * (_SIDE + _GAP) + 20
  body = [square(name, some, _LEFT + i * (_SIDE + _GAP))
          for i, (name, some) in enumerate(measured.items())]
  return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
          f'height="{_SIDE + 100}" font-family="sans-serif" font-size="12">\n'
          f'<rect width="100%" height="100%" fill="white"/>\n'
          + '\n'.join(body) + '\n</svg>\n')


def square(name: str, measured: Measured, left: int) -> str:
  """The curves of one query set."""
  bottom = _TOP + _SIDE
  parts = [
      f'<text x="{left}" y="{_TOP - 12}">{name}</text>',
      f'<rect x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" '
      f'fill="none" stroke="#666"/>',
      f'<line x1="{left}" y1="{bottom}" x2="{left + _SIDE}" y2="{_TOP}" '
      f'stroke="#ccc"/>',
      f'<text x="{left}" y="{bottom + 18}">0</text>',
      f'<text x="{left + _SIDE}" y="{bottom + 18}" text-anchor="end">1</text>',
      f'<text x="{left + _SIDE / 2}" y="{bottom + 18}" text-anchor="middle">'
      f'false alarms</text>',
      f'<text transform="translate({left - 10},{_TOP + _SIDE / 2}) '
      f'rotate(-90)" text-anchor="middle">moved claims rejected</text>']
  for i, (km, colour) in enumerate(zip(DISTANCES_KM, _COLOURS), 1):
    points = ' '.join(
        f'{left + _SIDE * x:.1f},{bottom - _SIDE * y:.1f}'
        for x, y in curve(measured.statistic[:, 0], measured.moved(i)))
    parts += [f'<polyline points="{points}" fill="none" stroke="{colour}" '
              f'stroke-width="2"/>',
              f'<text x="{left + _SIDE - 8}" y="{bottom - 78 + 17 * i}" '
              f'text-anchor="end" fill="{colour}">{km:,} km: '
              f'{measured.area(i):.2f}</text>']
  return '\n'.join(parts)


def curve(true: Float[np.ndarray, 'n'], moved: Float[np.ndarray, 'n'],
          ) -> Sequence[tuple[float, float]]:
  """False alarms and rejected claims, at thresholds of both."""
  levels = np.quantile(np.concatenate([true, moved]), np.linspace(0, 1, 101))
  return [(0., 0.), *((float((true <= at).mean()), float((moved <= at).mean()))
                      for at in levels)]


if __name__ == '__main__':
  main()
