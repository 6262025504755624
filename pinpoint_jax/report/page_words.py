"""Sentences about results: of rows of results.json and claims.json alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from pinpoint_jax.evals import results
from pinpoint_jax.report import plots

Row = Mapping[str, Any]

# What a page calls query sets and systems.
QUERIES = {'query_photo_new': 'photos by new authors',
           'query_street': 'street views',
           'query_photo_known': 'photos by known authors'}
SYSTEMS = {'raw_1nn': 'nearest feature', 'geoclip_style': 'GeoCLIP’s way',
           'image_top1': 'nearest image embedding',
           'location_top1': 'nearest place embedding',
           'region_prior': 'region prior', 'retrieval': 'fused retrieval',
           'light': 'light reranker', 'linear': 'its linear part',
           'full': 'full reranker', 'ideal': 'ideal: knows the world'}
# Six are shown: the first of these that a run has, in the order of SYSTEMS.
_WANTED = ('raw_1nn', 'retrieval', 'full', 'location_top1', 'ideal',
           'geoclip_style', 'light', 'image_top1', 'region_prior')
NUM_SYSTEMS = 6
# Verdicts of claims that a run could judge; others say why it could not.
JUDGED = ('held', 'refuted', 'not shown')
MAIN = 'full'
# With fewer photos in a set a page says that the run is a tiny one.
_FEW = 500


def main_row(rows: Sequence[Row], queries: str, system: str) -> Row | None:
  """The row of a system as it is, of the combined gallery, unfiltered."""
  key = results.Key(queries, system, 'combined')
  return next((row for row in rows if results.key(row) == key), None)


def shown_sets(rows: Sequence[Row]) -> list[str]:
  """Query sets of the rows, in the order of QUERIES."""
  there = {row['queries'] for row in rows}
  return [name for name in QUERIES if name in there]


def shown_systems(rows: Sequence[Row]) -> list[str]:
  """Up to six systems that the rows have."""
  there = [name for name in _WANTED if any(
      main_row(rows, queries, name) for queries in shown_sets(rows))]
  return [name for name in SYSTEMS if name in there[:NUM_SYSTEMS]]


def result(rows: Sequence[Row]) -> str:
  """What came out, in one sentence with intervals; '' without the system."""
  parts = [f'{within(row)} of the {QUERIES[queries]}'
           for queries in shown_sets(rows)
           if (row := main_row(rows, queries, MAIN))]
  return (f'Within 25 km of where they were taken, the full reranker places '
          f'{_listed(parts)}.') if parts else ''


def compared(rows: Sequence[Row], queries: str) -> str:
  """What simpler answers to the same photos are worth."""
  return '; '.join(
      f'{name} {within(row)}' for system, name in (
          ('raw_1nn', 'nearest feature'), ('chance', 'a random gallery row'))
      if (row := main_row(rows, queries, system)))


def warnings(rows: Sequence[Row]) -> list[str]:
  """What a reader has to know before reading any figure of this run."""
  sentences = []
  mains = [row for queries in shown_sets(rows)
           if (row := main_row(rows, queries, MAIN))]
  few = min((row['num_queries'] for row in mains), default=_FEW)
  if few < _FEW:
    sentences.append(f'A tiny run, of {few} photos a set: it shows that '
                     f'everything works, not how well.')
  idle = [QUERIES[row['queries']] for row in mains if not results.active(row)]
  if idle:
    sentences.append(f'The network of the full reranker changes fewer than '
                     f'5 % of the answers to {_listed(idle)}: what it adds is '
                     f'its linear part’s.')
  return sentences


def verdicts(rows: Sequence[Row]) -> str:
  """How many claims there are, and how many came out how."""
  names = [row['verdict'] for row in rows]
  counts = [f'{names.count(name)} {name}' for name in sorted(
      dict.fromkeys(names), key=_place)]
  return f'Of {len(names)} claims: {", ".join(counts)}.' if names else ''


def failed(rows: Sequence[Row]) -> list[tuple[str, str]]:
  """Claims that did not hold, the refuted first: (verdict, sentence).

  One sentence has all figures that a claim failed by for one reason.
  """
  by_claim: dict[tuple[str, str, str], list[str]] = {}
  for row in sorted((row for row in rows if row['verdict'] != 'held'),
                    key=lambda row: _place(row['verdict'])):
    name = row['verdict'], row['claim']['text'], row['reason']
    by_claim.setdefault(name, []).append(_difference(row))
  return [(verdict, f'{text}: {", ".join(figures)}'
           + (f'; {reason}' if reason else ''))
          for (verdict, text, reason), figures in by_claim.items()]


def _place(verdict: str) -> int:
  return JUDGED.index(verdict) if verdict in JUDGED else len(JUDGED)


def _difference(row: Row) -> str:
  """+1.2 points [0.4, 2.0] at 25 km, +120 GeoScore."""
  statistic = row['claim']['statistic']
  digits = 0 if statistic == 'geoscore' else 1
  number = lambda value: f'{round(value, digits) + 0.:+.{digits}f}'.replace(
      '-', '−')
  interval = '' if row['interval'] is None else (
      f' [{", ".join(map(number, row["interval"]))}]')
  where = statistic.removeprefix('acc@').replace('km', ' km')
  return (f'{number(row["difference"])} GeoScore{interval}'
          if statistic == 'geoscore' else
          f'{number(row["difference"])} points{interval} at {where}')


def within(row: Row) -> str:
  """The share within 25 km, with its interval."""
  return plots.percent(row['metrics']['acc@25km'],
                       row['ci95'].get('acc@25km'))


def _listed(words: Sequence[str]) -> str:
  *first, last = words
  return f'{", ".join(first)} and {last}' if first else last
