r"""Plants copies of pictures and measures how many the audit finds.

  python docs/make_audit.py --rows=1000 --planted=100 --unrelated=600

Rows are photos and street views of a world of Synthetic Earth, drawn; queries
are copies of some of them by every recipe of picture_earth/copies.py, and
pictures of other splits that are copies of none, half of them by authors of
the rows. The threshold is chosen on the pictures of some worlds, the lowest
with at least 99.5 % precision there; the figures are of others. Prints the
tables of docs/audit.md, beside a hash of 63 bits with as many views, whose own
threshold is chosen alike.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
import dataclasses

from input_pipeline.feature_earth import settings
from input_pipeline.feature_earth import world as worlds_lib
from input_pipeline.picture_earth import copies as recipes
from input_pipeline.picture_earth import dataset
from jaxtyping import Float, Int, UInt8
import numpy as np
from PIL import Image as PilImage
from pinpoint_jax import types
from pinpoint_jax.audit import copies, prints
from pinpoint_jax.images import fingerprint
from pinpoint_jax.report import tables

PRECISION = .995
UNRELATED = 'unrelated'
_SIDE = 128
_INSETS = (0., .05, .1)
_BITS = 63


@dataclasses.dataclass(frozen=True)
class Planted:
  """Rows and queries of one world.

  Attributes:
    rows: fingerprints.
    queries: fingerprints.
    kind: recipe of each query, or UNRELATED.
    source: number of the row that a query is a copy of, -1 of none.
  """

  rows: UInt8[np.ndarray, 'g 1168']
  queries: UInt8[np.ndarray, 'b 1168']
  kind: types.Strings
  source: Int[np.ndarray, 'b']


# From rows and queries to query, row and value of pairs.
Measure = Callable[[Planted], tuple[np.ndarray, np.ndarray, np.ndarray]]


def main() -> None:
  """Chooses on some worlds, reports on others."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=1000)
  parser.add_argument('--planted', type=int, default=100)
  parser.add_argument('--unrelated', type=int, default=600)
  parser.add_argument('--chosen', default='101,111,121')
  parser.add_argument('--judged', default='404,505,606')
  words = parser.parse_args()
  sets = [[plant(int(seed), words.rows, words.planted, words.unrelated)
           for seed in seeds.split(',')]
          for seeds in (words.chosen, words.judged)]
  for name, measure in (('thumbnails', by_thumbnails), ('hash', by_hash)):
    chosen, judged = (joined(worlds, measure) for worlds in sets)
    threshold = lowest_precise(*chosen)
    there, here = (column(*found, threshold) for found in (chosen, judged))
    print(f'\n{name}: {threshold:.4f} was chosen\n')
    print(tables.grid(('copies', 'where it was chosen', 'other worlds', 'of'),
                      list(zip(here[0], there[1], here[1], here[2])), 1))


def plant(seed: int, num_rows: int, num_planted: int,
          num_unrelated: int) -> Planted:
  """A world's pictures, copies of some, and others."""
  earth = dataset.PictureEarth(worlds_lib.World('default', seed, settings.Size(
      num_towns=600, num_sights=400, num_photos=num_rows, num_street=num_rows,
      num_rerank=8, num_queries=num_unrelated)))
  drawn = [picture for split in ('gallery_photo', 'gallery_street')
           for picture in pictures(earth, split, num_rows)]
  other = [picture for split in ('query_photo_known', 'query_street')
           for picture in pictures(earth, split, num_unrelated // 2)]
  rng = np.random.default_rng(seed)
  queries, kinds, source = list(other), [UNRELATED] * len(other), [-1] * len(
      other)
  for kind, recipe in recipes.RECIPES.items():
    for row in rng.choice(len(drawn), num_planted, replace=False).tolist():
      queries.append(recipe(drawn[row], rng))
      kinds.append(kind)
      source.append(row)
  return Planted(printed(drawn), printed(queries), np.asarray(kinds),
                 np.asarray(source))


def pictures(earth: dataset.PictureEarth, split: str,
             most: int) -> Iterator[types.Image]:
  """The first pictures of a split, as JPEG gives them back."""
  for row in range(min(most, earth.world.num_rows(split))):
    yield recipes.compressed(earth.image(split, row, _SIDE))


def printed(drawn: list[types.Image]) -> UInt8[np.ndarray, 'n 1168']:
  """Fingerprints of pictures."""
  return np.stack([fingerprint.fingerprint(PilImage.fromarray(picture))
                   for picture in drawn])


def joined(worlds: Sequence[Planted], measure: Measure) -> tuple[
    Planted, np.ndarray, np.ndarray, np.ndarray]:
  """Several worlds as one, and the pairs of each, which are in no other."""
  query, row, value, source = [], [], [], []
  at_query = at_row = 0
  for world in worlds:
    pairs = measure(world)
    query.append(pairs[0] + at_query)
    row.append(pairs[1] + at_row)
    value.append(pairs[2])
    source.append(np.where(world.source < 0, -1, world.source + at_row))
    at_query, at_row = at_query + len(world.queries), at_row + len(world.rows)
  whole = Planted(*(np.concatenate([getattr(one, name) for one in worlds])
                    for name in ('rows', 'queries', 'kind')),
                  np.concatenate(source))
  return whole, *map(np.concatenate, (query, row, value))


def by_thumbnails(planted: Planted) -> tuple[np.ndarray, np.ndarray,
                                             np.ndarray]:
  """Query, row and agreement of every pair that may be one."""
  count = len(planted.rows)
  rows = prints.in_memory(np.arange(count).astype(np.str_),
                          np.zeros((count, 2)), planted.rows)
  found = copies.Finder(rows, np.arange(count), copies.Settings(
      min_agreement=.5)).find(planted.queries)
  return found.queries, found.rows.rows, found.values


def by_hash(planted: Planted) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """As `by_thumbnails`: the share of equal bits in the best pair of views."""
  def bits(some: np.ndarray, mirrored: bool) -> list[np.ndarray]:
    return [np.where(copies.waves(some, inset, mirrored)[:, :_BITS] > 0, 1, -1)
            .astype(np.float32) for inset in _INSETS]
  best = np.full((len(planted.queries), len(planted.rows)), -1., np.float32)
  for mirrored in (False, True):
    left, right = bits(planted.queries, mirrored), bits(planted.rows, False)
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 0), (2, 0)):
      best = np.maximum(best, left[i] @ right[j].T)
  query, row = np.nonzero(best >= .4 * _BITS)
  return query, row, (best[query, row] / _BITS + 1) / 2


def lowest_precise(planted: Planted, query: Int[np.ndarray, 'm'],
                   row: Int[np.ndarray, 'm'],
                   value: Float[np.ndarray, 'm']) -> float:
  """The lowest threshold with PRECISION above it."""
  order = np.argsort(-value, kind='stable')
  right = (planted.source[query] == row)[order]
  precision = np.cumsum(right) / np.arange(1, len(right) + 1)
  return float(value[order][np.flatnonzero(precision >= PRECISION).max()])


def column(planted: Planted, query: np.ndarray, row: np.ndarray,
           value: np.ndarray, threshold: float) -> tuple[
               list[str], list[str], list[str]]:
  """Names, shares with intervals and counts of the lines of a table."""
  kept = value >= threshold
  right = planted.source[query] == row
  found = np.zeros(len(planted.queries), bool)
  found[query[kept & right]] = True
  names, shares, counts = [], [], []
  for kind in (*recipes.RECIPES, 'all'):
    some = (planted.kind == kind) | (
        (kind == 'all') & (planted.kind != UNRELATED))
    names.append(kind)
    shares.append(share(int(found[some].sum()), int(some.sum())))
    counts.append(f'{some.sum():,}')
  names.append('precision of pairs')
  shares.append(share(int((kept & right).sum()), int(kept.sum())))
  counts.append(f'{kept.sum():,} pairs')
  return names, shares, counts


def share(part: int, count: int) -> str:
  """In percent, with Wilson's 95 % interval."""
  z2 = 1.96**2
  middle = (part + z2 / 2) / (count + z2)
  half = np.sqrt(z2 * (part * (count - part) / count + z2 / 4)) / (count + z2)
  return (f'{part / count:.1%} [{max(0, middle - half):.1%}, '
          f'{min(1, middle + half):.1%}]')


if __name__ == '__main__':
  main()
