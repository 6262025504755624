"""Figures that others published on each benchmark, and where they are from.

They are text, printed as their owners print them: '–' where they print none.
"""

from collections.abc import Mapping
import dataclasses
import functools
import json
import pathlib

_FILE = pathlib.Path(__file__).parent / 'published' / 'figures.json'
NONE = '–'


@dataclasses.dataclass(frozen=True)
class Published:
  """One published row.

  Attributes:
    system: what answered, by the name its owners gave it.
    source: the paper or page that has the figures.
    filter: none, or author, as in results.json.
    distance: name in evals' tables of the kilometre it uses; '' is not known.
    figures: as printed, by their names in results.json.
    note: what a reader has to know of the system.
    about: what a reader has to know of the source.
  """

  system: str
  source: str
  filter: str
  distance: str
  figures: Mapping[str, str]
  note: str
  about: str


@dataclasses.dataclass(frozen=True)
class Benchmark:
  """A query set that others have published figures of.

  Attributes:
    name: of the query set, as extract_features and results.json call it.
    title: as its owners call it.
    query_source: photo or street.
    num_queries: photos in the whole set.
    note: what every table of it has to say.
    rows: what was published.
  """

  name: str
  title: str
  query_source: str
  num_queries: int
  note: str
  rows: tuple[Published, ...]


@functools.cache
def benchmarks() -> Mapping[str, Benchmark]:
  """Every benchmark by its name, in the order in which tables show them."""
  content = json.loads(_FILE.read_text(encoding='utf-8'))
  return {about['name']: Benchmark(**about, rows=tuple(
      _published(row, content['sources']) for row in content['rows']
      if row['benchmark'] == about['name'])) for about in content['benchmarks']}


def _published(row: Mapping[str, str],
               sources: Mapping[str, Mapping[str, str]]) -> Published:
  accuracy = row['acc'].split('/')
  figures = dict(zip(('acc@1km', 'acc@25km', 'acc@200km', 'acc@750km',
                      'acc@2500km'), accuracy, strict=True))
  for name, key in (('geoscore', 'geoscore'), ('mean_km', 'mean_km'),
                    ('city', 'acc@city_official')):
    if name in row:
      figures[key] = row[name]
  source = sources[row['source']]
  return Published(row['system'], source['name'], row['filter'],
                   row['distance'], figures, row.get('note', ''),
                   source['about'])
