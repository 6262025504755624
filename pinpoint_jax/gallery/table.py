"""What a gallery knows of its rows besides vectors, on the way to disk."""

from collections.abc import Callable, Sequence
import dataclasses

from jaxtyping import Float, Int, Shaped, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.features import store
from pinpoint_jax.gallery import columns as gallery_columns
from pinpoint_jax.gallery.columns import Coded
from pinpoint_jax.gallery.gallery import Segment
from pinpoint_jax.gallery.layout import LICENCE, PLACES, SOURCE, BadGallery
from pinpoint_jax.geo import coords, places

DUPLICATES = ('refuse', 'first')
_LOOKUP_ROWS = 1 << 16


@dataclasses.dataclass(frozen=True)
class Table:
  """Who took what, where, in codes instead of names.

  Attributes:
    ids: [n].
    latlng_deg: float32 [n, 2].
    source: place in types.SOURCES, [n].
    author, sequence, licence: names of few values, [n].
  """

  ids: Shaped[np.ndarray, 'n']
  latlng_deg: Float[np.ndarray, 'n 2']
  source: UInt8[np.ndarray, 'n']
  author: Coded
  sequence: Coded
  licence: Coded

  def __len__(self) -> int:
    return len(self.ids)

  def take(self, rows: Int[np.ndarray, 'm']) -> 'Table':
    """Some of the rows, in that order."""
    return Table(self.ids[rows], self.latlng_deg[rows], self.source[rows],
                 self.author.take(rows), self.sequence.take(rows),
                 self.licence.take(rows))


@dataclasses.dataclass(frozen=True)
class Order:
  """Rows in the order of their ids, each id once.

  Attributes:
    rows: rows of the table, [n].
    num_duplicates: rows left out because an earlier one has their id.
  """

  rows: Int[np.ndarray, 'n']
  num_duplicates: int


def of_store(opened: store.FeatureStore) -> Table:
  """The table of a feature store."""
  def coded(codes: str, names: str) -> Coded:
    column, known = opened.coded(codes, names)
    ascending, place = np.unique(np.asarray(known, np.str_),
                                 return_inverse=True)
    return Coded(np.append(place, -1)[column].astype('<i4'), ascending)
  ids, latlng_deg = opened.ids(), opened.places()
  coords.check_latlng_deg(latlng_deg.astype(np.float64),
                          str(opened.path / store.PLACES), True)
  source = types.SOURCES.index(opened.manifest['source'])
  return Table(ids, latlng_deg, np.full(len(ids), source, np.uint8),
               coded(store.AUTHOR, store.AUTHORS),
               coded(store.SEQUENCE, store.SEQUENCES),
               Coded(np.full(len(ids), 0 if opened.licence else -1, '<i4'),
                     np.asarray([opened.licence] * bool(opened.licence),
                                np.str_)))


def of_segment(segment: Segment) -> Table:
  """The table of a segment."""
  return Table(segment.ids.block(0, len(segment)), segment.files[PLACES],
               segment.files[SOURCE], segment.coded('author'),
               segment.coded('sequence'), segment.coded(LICENCE))


def join(tables: Sequence[Table]) -> Table:
  """The tables one after the other."""
  def stacked(name: str) -> np.ndarray:
    return np.concatenate([getattr(t, name) for t in tables])
  return Table(
      stacked('ids'), stacked('latlng_deg'), stacked('source'),
      *(gallery_columns.join([getattr(t, name) for t in tables])
        for name in ('author', 'sequence', 'licence')))


def order(ids: types.Strings, duplicates: str,
          find: Callable[[types.Strings], Int[np.ndarray, 'n']]) -> Order:
  """Order by id, bytewise.

  Ids that are here twice, or that `find` knows, are refused, or left out and
  counted where duplicates='first'.
  """
  if duplicates not in DUPLICATES:
    raise ValueError(f'duplicates={duplicates!r}: choices are {DUPLICATES}')
  rows = np.argsort(ids, kind='stable')
  ordered = ids[rows]
  again = np.zeros(len(ids), bool)
  again[1:] = ordered[1:] == ordered[:-1]
  again |= find(ordered) >= 0
  if again.any() and duplicates == 'refuse':
    raise BadGallery(
        f'{int(again.sum()):,} ids are there already, the first is '
        f'{str(ordered[again][0])!r} (rows deleted count until they are '
        f'compacted away): leave them out, or keep the first of each with '
        f'duplicates=first')
  return Order(rows[~again], int(again.sum()))


def count_sources(source: UInt8[np.ndarray, 'n']) -> dict[str, int]:
  """Rows of each source."""
  counts = np.bincount(source, minlength=len(types.SOURCES))
  return dict(zip(types.SOURCES, counts.tolist()))


def place_columns(latlng_deg: Float[np.ndarray, 'n 2']) -> dict[str, Coded]:
  """Country, first and second level of the city nearest to each row."""
  city = np.concatenate([np.zeros(0, np.int64), *(
      places.nearest(latlng_deg[part].astype(np.float64))
      for part in blocks.slices(len(latlng_deg), _LOOKUP_ROWS))])
  near, of_row = np.unique(city, return_inverse=True)
  cities = places.load_cities().take(near)
  country, admin1, admin2 = (
      column.astype(object)
      for column in (cities.countries, cities.admin1, cities.admin2))
  first = np.where(admin1 == '', '', country + '/' + admin1)
  second = np.where(admin2 == '', '', country + '/' + admin1 + '/' + admin2)
  coded = {}
  for name, column in (('country', country), ('admin1', first),
                       ('admin2', second)):
    codes, names = store.encode_names(column.astype(np.str_))
    coded[name] = Coded(codes[of_row], names)
  return coded
