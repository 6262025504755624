"""The page of an evaluation, of what `evaluate` wrote into its folder.

  results.json ─────────────────────▶ every system, seconds
  predictions.csv, stores, gallery ─▶ errors, maps, places, density, cards
"""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import json
import pathlib
from typing import Any

from experiments.report_stages import queries as queries_lib
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import blocks
from pinpoint_jax.answer import evidence, open_systems, records, writer
from pinpoint_jax.candidates import filters
from pinpoint_jax.evals import evaluation, query_sets
from pinpoint_jax.geo import distance, neighbors, places
from pinpoint_jax.report import page_records

# Photos of each set that are shown; with more a page gets heavy.
_SHOWN = 20_000
_PROMISES = (
    'these systems promise nothing. `python -m experiments.export_model '
    '--calibrate=…` makes a model that does, and `pinpoint report '
    '--model=MODEL --gallery=GALLERY --queries=STORES --out=OUT` shows what '
    'comes of its promises')


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What a page is made of.

  Attributes:
    config: of evaluate.
    opened: its gallery.
    queries: its query sets.
    rows: of results.json.
    answers: lines of predictions.csv.
  """

  config: config_dict.ConfigDict
  opened: open_systems.OpenGallery
  queries: Sequence[query_sets.QuerySet]
  rows: Sequence[Mapping[str, Any]]
  answers: Sequence[Sequence[Any]]


def is_there(folder: pathlib.Path) -> bool:
  """Whether a folder is that of an evaluation."""
  return all((folder / name).is_file() for name in (
      'config.txt', 'predictions.csv', 'results.json'))


def read(folder: pathlib.Path) -> tuple[list[Any], list[list[str]]]:
  """Rows of results.json, lines of predictions.csv."""
  rows = json.loads((folder / 'results.json').read_text(encoding='utf-8'))
  with (folder / 'predictions.csv').open(encoding='utf-8', newline='') as file:
    head, *lines = csv.reader(file)
  if tuple(head) != evaluation.HEAD:
    raise ValueError(f'{folder / "predictions.csv"} has columns {head}, not '
                     f'those of this version: evaluate again')
  return rows, lines


def page(shown: Evaluation) -> page_records.RunPage:
  """Everything that an evaluation says; what it does not say is named."""
  live = np.setdiff1d(np.arange(len(shown.opened.gallery)),
                      shown.opened.gallery.removed)
  index = neighbors.SphereIndex(shown.opened.gallery.latlng_deg[live])
  sets = [_Answered(shown, some, index, live)
          for some in shown.queries[:queries_lib.MOST_SETS]]
  systems = dict.fromkeys(some.system for some in sets)
  return page_records.RunPage(
      f'How good are the answers of {" and ".join(systems)}?',
      queries_lib.note(shown.config.queries.split(',')),
      [some.judged() for some in sets],
      queries_lib.joined([some.cards() for some in sets]), _costs(shown.rows),
      shown.rows, _missing(shown))


class _Answered:
  """The photos of one query set, and the answers that were written down."""

  def __init__(self, shown: Evaluation, queries: query_sets.QuerySet,
               index: neighbors.SphereIndex, live: np.ndarray):
    """index: of the places of the gallery's live rows."""
    lines = [line for line in shown.answers if line[3] == queries.name]
    ids = queries.photos.ids
    if [line[0] for line in lines] != ids.tolist():
      raise ValueError(f'predictions.csv has {len(lines):,} answers of '
                       f'{queries.name}, the store {len(ids):,} other photos: '
                       f'evaluate again')
    self.system, self._filter = lines[0][4], lines[0][5]
    self._places = np.asarray([line[1:3] for line in lines], np.float64)
    self._dist_km = distance.haversine_km(
        self._places, queries.photos.latlng_deg)
    self._shown, self._queries = shown, queries
    self._index, self._live = index, live

  def judged(self) -> page_records.RunSet:
    """The answers beside the truth."""
    rows = blocks.evenly_spread(len(self._dist_km), _SHOWN)
    truth = self._queries.photos.latlng_deg[rows]
    return page_records.RunSet(
        self._queries.name, truth,
        places.load_cities().countries[places.nearest(truth)],
        self._index.count_within_km(truth, evidence.NEAR_KM),
        self._dist_km[rows], None, {}, len(self._dist_km), 0)

  def cards(self) -> dict[str, list[page_records.Card]]:
    """The best and the worst, with what speaks for them."""
    return {caption: [self._card(int(i)) for i in rows] for caption, rows
            in queries_lib.extremes(self._dist_km).items()}

  def _card(self, i: int) -> page_records.Card:
    place, opened = self._places[i], self._shown.opened
    one = np.asarray([i])
    photos = self._queries.photos.take(one)
    config = self._shown.config
    mask = filters.mask(
        opened.gallery, photos, self._filter,
        opened.region(config.region), config.leave_one_out)
    near = self._live[self._index.within_km(
        place[None], evidence.NEAR_KM).rows]
    support = evidence.Finder(opened.searcher).among(
        self._queries.queries.take(one), near, place, mask)
    answer = records.Answer(
        str(photos.ids[0]), tuple(place.tolist()), photos.source, self.system,
        {}, None, (), support, writer.nearest_place(tuple(place.tolist())), ())
    return queries_lib.card(
        self._queries.name, photos.source, answer, photos.latlng_deg[0],
        float(self._dist_km[i]))


def _costs(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
  """Seconds of each query set and filter, and of all that was done."""
  costs: dict[str, float] = {}
  for row in rows:
    if seconds := row['provenance']['seconds']:
      costs[f'answer {row["queries"]}, filter {row["filter"]}'] = seconds
  whole = {row['provenance'].get('seconds_in_all') for row in rows} - {None}
  return costs | {'in all': max(whole)} if whole else costs


def _missing(shown: Evaluation) -> dict[str, str]:
  """What no evaluation has, and what has it."""
  rest = [some.name for some in shown.queries[queries_lib.MOST_SETS:]]
  more = {'Query sets beyond the fourth': f'{", ".join(rest)}: name them in '
          f'`--config.queries` of another run'} if rest else {}
  return more | {
      'Confidence, reliability, radii, risk over coverage, confidently wrong '
      'answers': _PROMISES, 'Pictures': queries_lib.PICTURES}


