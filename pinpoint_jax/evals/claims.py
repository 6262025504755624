"""Claims that one system is better than another: held, refuted, or not shown.

A claim is decided by the interval of the paired difference, never by the
figures of two rows. A table that could not have shown the difference says so.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

from pinpoint_jax.evals import metrics, paired, results
from pinpoint_jax.evals.results import Key

VERDICTS = ('held', 'refuted', 'not shown', 'part inactive')

Row = Mapping[str, Any]


class System(NamedTuple):
  """The rows of one system, on whatever query set; fields as in Setting."""

  system: str
  gallery: str = 'combined'
  filter: str = 'none'
  decode: str = 'argmax'
  variant: str = ''

  def on(self, queries: str) -> Key:
    """Its row on a query set."""
    return Key(queries, *self)

  def __str__(self) -> str:
    default = System(self.system)
    notes = [value for value, usual in zip(self, default) if value != usual]
    return f'{self.system} ({", ".join(notes)})' if notes else self.system


@dataclasses.dataclass(frozen=True)
class Claim:
  """One system is better than another by more than `minimum`.

  Attributes:
    text: what is claimed, as a reader reads it.
    better: the system that should be better.
    base: what it is compared with.
    queries: query sets; several count as one.
    statistic: one of paired.STATISTICS.
    minimum: percentage points or GeoScore; a share of base if `relative`.
    relative: whether the difference is taken as a share of base.
  """

  text: str
  better: System
  base: System
  queries: tuple[str, ...]
  statistic: str = 'acc@25km'
  minimum: float | int = 0
  relative: bool = False

  def __post_init__(self):
    if self.statistic not in paired.STATISTICS:
      raise ValueError(f'claim {self.text!r}: statistic {self.statistic!r} is '
                       f'unknown; choices are {paired.STATISTICS}')
    if not self.queries:
      raise ValueError(f'claim {self.text!r} is about no query set: name '
                       f'at least one')

  @classmethod
  def from_row(cls, row: Row) -> 'Claim':
    """The claim of a row of claims.json."""
    try:
      fields = row['claim']
      return cls(**{**fields, 'queries': tuple(fields['queries']),
                    'better': System(**fields['better']),
                    'base': System(**fields['base'])})
    except (KeyError, TypeError) as error:
      raise ValueError(f'{row!r:.80} is no row of claims.json that this '
                       f'program reads: {error!r}') from error

  def as_dict(self) -> dict[str, Any]:
    """Its fields, for JSON."""
    return {**dataclasses.asdict(self), 'queries': list(self.queries),
            'better': self.better._asdict(), 'base': self.base._asdict()}


@dataclasses.dataclass(frozen=True)
class Run:
  """One seed's figures and errors.

  Attributes:
    rows: of its results.json, which say what their networks do.
    errors: of every query, by the key of the row.
  """

  rows: Sequence[Row]
  errors: Mapping[Key, metrics.Errors]


def judged(claims: Sequence[Claim], runs: Sequence[Run],
           num_resamples: int = 1000, seed: int = 0) -> list[dict[str, Any]]:
  """Rows of claims.json: each claim, its verdict and what it rests on.

  Queries of several runs count together, their clusters as different ones.
  """
  compared = list(dict.fromkeys(_compared(claim) for claim in claims))
  differences = dict(zip(compared, paired.all_differences(
      [[_pair(claim, run) for run in runs] for claim in
       {_compared(claim): claim for claim in claims}.values()],
      num_resamples, seed)))
  inactive = {results.key(row) for run in runs for row in run.rows
              if not results.active(row)}
  rows = []
  for claim in claims:
    difference = differences[_compared(claim)][claim.statistic]
    verdict, reason = _verdict(
        claim, difference, [key for key in _keys(claim) if key in inactive])
    rows.append({'claim': claim.as_dict(), 'verdict': verdict,
                 'reason': reason, **dataclasses.asdict(difference),
                 'smallest_visible': difference.smallest_visible})
  return rows


def _verdict(claim: Claim, difference: paired.Difference,
             inactive: Sequence[Key]) -> tuple[str, str]:
  """The verdict, and why where the interval does not say it."""
  if inactive:
    return 'part inactive', (
        f'the network of {System(*inactive[0][1:])} changes fewer than '
        f'{results.ACTIVE_SHARE:.0%} of the answers to {inactive[0].queries}')
  interval = (difference.relative_interval if claim.relative else
              difference.interval)
  if interval is None:
    return 'not shown', _no_interval(difference)
  low, high = interval
  if low > claim.minimum:
    return 'held', ''
  if high < claim.minimum:
    return 'refuted', ''
  return 'not shown', ''


def _no_interval(difference: paired.Difference) -> str:
  if difference.num_differing < paired.MIN_CLUSTERS:
    return (f'the answers to {difference.num_differing} of '
            f'{difference.num_clusters:,} photographers or drives differ, '
            f'at least {paired.MIN_CLUSTERS} are needed')
  return 'no interval: nothing was resampled, or base may be 0'


def _pair(claim: Claim, run: Run) -> paired.Pair:
  """Errors of both systems on all query sets of the claim, in one run."""
  missing = [key for key in _keys(claim) if key not in run.errors]
  if missing:
    raise ValueError(f'claim {claim.text!r}: no errors of {missing[0]}; there '
                     f'are rows of {sorted({key.system for key in run.errors})}'
                     f' on {sorted({key.queries for key in run.errors})}')
  return paired.Pair(*(
      metrics.merge(run.errors[system.on(name)] for name in claim.queries)
      for system in (claim.better, claim.base)))


def _keys(claim: Claim) -> list[Key]:
  return [system.on(name) for system in (claim.better, claim.base)
          for name in claim.queries]


def _compared(claim: Claim) -> tuple[Any, ...]:
  return claim.better, claim.base, claim.queries
