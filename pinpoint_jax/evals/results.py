"""Rows of results.json: one figure set each, as scripts read them."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from pinpoint_jax.evals import bootstrap, metrics

SYSTEMS = (
    'chance', 'raw_1nn', 'image_top1', 'location_top1', 'retrieval', 'light',
    'full', 'full_no_support', 'full_single_source', 'oracle', 'geoclip_style',
    'ridge', 'constant')


@dataclasses.dataclass(frozen=True)
class Setting:
  """What a row of figures is about.

  Attributes:
    table: name of the table the row belongs to.
    query_source: photo or street.
    system: what answered; the product's own are listed in SYSTEMS.
    gallery: combined, same_source, or '' where none is known.
    filter: none, or author (rows sharing author or sequence removed).
    decode: argmax or expected_score.
    distance: name in `geo.distance.DISTANCES`.
    queries: name of the query set.
    variant: which form of the system, '' for its default.
  """

  table: str
  query_source: str
  system: str
  gallery: str = ''
  filter: str = 'none'
  decode: str = 'argmax'
  distance: str = 'haversine'
  queries: str = ''
  variant: str = ''


def row(
    setting: Setting, errors: metrics.Errors, provenance: Mapping[str, Any],
    num_queries: int | None = None, num_resamples: int = 1000,
    inclusive: bool = False,
    extra: Mapping[str, float] | None = None) -> dict[str, Any]:
  """One row of results.json: setting, figures, intervals, provenance."""
  figures = metrics.summarise(errors, inclusive=inclusive)
  return dataclasses.asdict(setting) | {
      'num_queries': len(errors.dist_km) if num_queries is None
                     else num_queries,
      'metrics': figures | dict(extra or {}),
      'ci95': bootstrap.intervals(
          errors, num_resamples, inclusive=inclusive),
      'provenance': dict(provenance),
  }
