"""Everybody against everybody on the same queries, as rows of a file."""

from collections.abc import Mapping
import dataclasses
import itertools
from typing import Any

from pinpoint_jax.evals import metrics, paired

# What an interval shows; neither: it holds 0, or too few answers differ.
BETTER, WORSE, NOT_SHOWN = 'better', 'worse', 'not shown'


def rows(errors: Mapping[str, metrics.Errors],
         num_resamples: int = 1000) -> list[dict[str, Any]]:
  """Each system's difference from every later one, figure by figure.

  Errors are of the same queries in the same order. The interval is of one
  difference, as if no other had been looked at.
  """
  pairs = list(itertools.combinations(errors, 2))
  compared = paired.all_differences(
      [[paired.Pair(errors[one], errors[other])] for one, other in pairs],
      num_resamples)
  return [{'system': one, 'base': other, 'figure': name,
           'verdict': verdict(difference)} | {
               field: value for field, value
               in dataclasses.asdict(difference).items()
               if field not in ('better', 'base', 'by_run')} | {
                   'system_figure': difference.better,
                   'base_figure': difference.base,
                   'smallest_visible': difference.smallest_visible}
          for (one, other), by_name in zip(pairs, compared)
          for name, difference in by_name.items()]


def verdict(difference: paired.Difference) -> str:
  """Whether the system is shown to be better or worse than the base."""
  if difference.interval is None or (
      difference.interval[0] <= 0 <= difference.interval[1]):
    return NOT_SHOWN
  return BETTER if difference.interval[0] > 0 else WORSE
