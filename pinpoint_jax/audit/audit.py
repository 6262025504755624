"""An audit: every kind of pair between queries and rows, counted and listed."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

from jaxtyping import Bool, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.audit import copies, features, pairs
from pinpoint_jax.audit import prints as prints_lib
from pinpoint_jax.audit.table import Table
from pinpoint_jax.images import fingerprint
from pinpoint_jax.search import row_sets
from pinpoint_jax.search import vectors as vectors_lib

# Columns of pairs.csv.
HEAD = ('query', 'row', 'row_source', 'kind', 'value', 'km', 'same_author')
# What the value of a pair is, by the beginning of its kind.
VALUES = {'near_': 'km', 'same_day': 'km', 'picture': 'agreement',
          'feature': 'cosine'}


@dataclasses.dataclass(frozen=True)
class Audit:
  """What was found.

  Attributes:
    kinds: pairs of each kind that was looked for.
    notes: what was not looked for, or not everywhere, in sentences.
    facts: thresholds and counts behind the kinds.
    alike: what the search by features found; None where there was none.
  """

  kinds: Mapping[str, pairs.Pairs]
  notes: tuple[str, ...]
  facts: Mapping[str, Any]
  alike: features.Alike | None


def of_pictures(queries: types.Photos, table: Table,
                query_prints: prints_lib.Prints, row_prints: prints_lib.Prints,
                settings: copies.Settings) -> Audit:
  """Pairs of equal pixels, and of pictures that are copies or parts."""
  at_query = query_prints.of(queries, 'the queries')
  at_row = row_prints.of(table.photos(), 'the rows')
  at_row[table.removed] = -1
  known, rows = np.flatnonzero(at_query >= 0), np.flatnonzero(at_row >= 0)
  counts = {'queries': prints_lib.coverage(at_query),
            'rows': prints_lib.coverage(at_row)}
  notes = [f'{count["without"]:,} of {sum(count.values()):,} {name} have no '
           f'fingerprint: no picture of theirs was compared'
           for name, count in counts.items() if count['without']]
  if not len(known) or not len(rows):
    raise ValueError('no query or no row has a fingerprint: make those of the '
                     'data sets that the features were extracted from')
  asked = query_prints.take(at_query[known])
  def renumbered(found: pairs.Pairs) -> pairs.Pairs:
    whole = pairs.collected(len(queries), known[found.queries],
                            rows[found.rows.rows], found.values)
    return pairs.without(whole, table, table.find(queries.ids))
  same = _same_pixels(asked, row_prints, at_row[rows])
  alike = copies.Finder(row_prints, at_row[rows], settings).find(asked)
  return Audit(
      {'pixels': renumbered(same), 'picture': renumbered(alike)}, tuple(notes),
      {'fingerprints': counts, 'copies': dataclasses.asdict(settings)}, None)


def _same_pixels(asked: np.ndarray, row_prints: prints_lib.Prints,
                 at: Int[np.ndarray, 'g']) -> pairs.Pairs:
  hashes = [fingerprint.pixel_hashes(asked)]
  for part in np.array_split(at, max(1, len(at) // 65536)):
    hashes.append(fingerprint.pixel_hashes(row_prints.take(part)))
  _, codes = np.unique(np.concatenate(hashes), return_inverse=True)
  return pairs.from_sets(row_sets.same_code(
      codes[:len(asked)], codes[len(asked):]))


def of_features(queries: types.Photos, rows: vectors_lib.Vectors, table: Table,
                min_cosine: float | int = 0) -> Audit:
  """Pairs of similar features, with how the threshold came about."""
  alike = features.find(queries, rows, table, min_cosine)
  quantiles = np.quantile(alike.strangers, (.5, .9, .99))
  notes = [f'{alike.num_full:,} queries have more similar rows than were '
           f'looked at'] if alike.num_full else []
  return Audit({'feature': alike.pairs}, tuple(notes), {'features': {
      'threshold': alike.threshold,
      'threshold_is': 'given' if min_cosine else 'chosen',
      'strangers_median_p90_p99': quantiles.tolist(),
      'strangers_that_are_bounds': alike.num_bounds}}, alike)


def joined(audits: Sequence[Audit]) -> Audit:
  """Several audits of the same queries and rows as one."""
  return Audit(
      {name: found for one in audits for name, found in one.kinds.items()},
      tuple(note for one in audits for note in one.notes),
      {name: fact for one in audits for name, fact in one.facts.items()},
      next((one.alike for one in audits if one.alike is not None), None))


def summary(kinds: Mapping[str, pairs.Pairs]) -> dict[str, dict[str, int]]:
  """How many queries, rows and pairs each kind has."""
  return {name: {'queries': int((found.touched() > 0).sum()),
                 'rows': len(np.unique(found.rows.rows)), 'pairs': len(found)}
          for name, found in kinds.items()}


def lines(queries: types.Photos, table: Table,
          kinds: Mapping[str, pairs.Pairs],
          most: int) -> Iterator[Sequence[Any]]:
  """Lines of pairs.csv: at most so many of each query and kind, best first."""
  for name, found in kinds.items():
    chosen = _best(found, name, most)
    listed = pairs.Pairs(row_sets.from_counts(
        found.rows.rows[chosen],
        np.bincount(found.queries[chosen], minlength=len(queries))),
                         found.values[chosen])
    rows = listed.rows.rows
    author = _same_author(queries, table, listed)
    for query, row, source, value, km, same in zip(
        queries.ids[listed.queries].tolist(), table.ids[rows].tolist(),
        table.source[rows].tolist(), listed.values.tolist(),
        pairs.apart_km(queries, table, listed).tolist(), author.tolist()):
      yield (query, row, types.SOURCES[source], name,
             '' if np.isnan(value) else f'{value:.4f}', f'{km:.3f}',
             int(same))


def _same_author(queries: types.Photos, table: Table,
                 listed: pairs.Pairs) -> Bool[np.ndarray, 'm']:
  """Which pairs have one author; names mean nothing in another source."""
  rows = listed.rows.rows
  codes = table.authors.find(queries.authors)[listed.queries]
  sources = [types.SOURCES[i] for i in table.source[rows]]
  return (codes >= 0) & (codes == table.authors.codes[rows]) & np.asarray(
      [queries.source in (source, 'mixed') for source in sources], bool)


def _best(found: pairs.Pairs, name: str, most: int) -> Int[np.ndarray, 'm']:
  """Places of the pairs that are listed, in order of query and value."""
  near = name.startswith('near_') or name == 'same_day'
  worth = np.nan_to_num(found.values)
  order = np.lexsort((found.rows.rows, worth if near else -worth,
                      found.queries))
  place = np.arange(len(order)) - found.rows.offsets[:-1][found.queries[order]]
  return order[place < most]
