"""Rows of results.json: one figure set each, as scripts read them."""

from collections.abc import Mapping, Sequence
import dataclasses
import math
from typing import Any, NamedTuple

from pinpoint_jax import types
from pinpoint_jax.evals import bootstrap, metrics

SYSTEMS = (
    'chance', 'constant', 'raw_1nn', 'image_top1', 'location_top1',
    'geoclip_style', 'ridge', 'region_prior', 'retrieval', 'light', 'linear',
    'attention', 'interaction', 'full', 'full_no_support', 'full_single_source',
    'full_pairwise', 'oracle', 'ideal')
# A network that changes a smaller share of the answers is none.
ACTIVE_SHARE = 0.05


class Key(NamedTuple):
  """What tells a row from the others of its table; fields as in Setting."""

  queries: str
  system: str
  gallery: str = ''
  filter: str = 'none'
  decode: str = 'argmax'
  variant: str = ''


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

  @property
  def key(self) -> Key:
    """What tells its row from the others."""
    return Key(*(getattr(self, name) for name in Key._fields))


def key(row: Mapping[str, Any]) -> Key:
  """What tells a row of results.json from the others."""
  return Key(*(row[name] for name in Key._fields))


def active(row: Mapping[str, Any]) -> bool:
  """Whether a row's network, if it has one, does anything.

  One that changes fewer than 5 % of the answers says nothing about any of its
  parts: its row takes part in no ablation.
  """
  network = row.get('network', {'changed': 1.})
  # A row of several runs is as active as the least active one.
  return network.get('lowest_changed', network['changed']) >= ACTIVE_SHARE


@dataclasses.dataclass(frozen=True)
class Extra:
  """Figures that are the same by every distance, with their intervals."""

  metrics: Mapping[str, float | int] = dataclasses.field(default_factory=dict)
  ci95: Mapping[str, Sequence[float]] = dataclasses.field(
      default_factory=dict)


def shares(
    some: Mapping[str, metrics.Share], clusters: types.Strings,
    num_resamples: int = 1000) -> Extra:
  """Accuracies of those photos that have a truth of their kind."""
  return Extra(metrics.share_figures(some), bootstrap.share_intervals(
      some, clusters, num_resamples))


def row(
    setting: Setting, errors: metrics.Errors, provenance: Mapping[str, Any],
    num_queries: int | None = None, num_resamples: int = 1000,
    inclusive: bool = False,
    extra: Extra = Extra(),
    network: Mapping[str, float] | None = None) -> dict[str, Any]:
  """One row of results.json: setting, figures, intervals, provenance.

  extra: figures that no distance changes.
  network: of a trained reranker beside its linear part: `changed`, the share of
  answers that differ; `variance`, the network's share of the variance that
  scores have within a list.
  """
  figures = metrics.summarise(errors, inclusive=inclusive)
  return dataclasses.asdict(setting) | {
      'num_queries': len(errors.dist_km) if num_queries is None
                     else num_queries,
      'metrics': {**figures, **extra.metrics},
      'ci95': bootstrap.intervals(
          errors, num_resamples, inclusive=inclusive) | dict(extra.ci95),
      'provenance': dict(provenance),
  } | ({} if network is None else {'network': _checked(setting, network)})


def _checked(setting: Setting,
             network: Mapping[str, float]) -> dict[str, float]:
  if set(network) != {'changed', 'variance'}:
    raise ValueError(f'{setting.key}: network says {sorted(network)}, expected '
                     f'changed and variance')
  values = {name: float(value) for name, value in network.items()}
  # Where both parts of a score pull apart, the network's varies more than both.
  if not (0 <= values['changed'] <= 1 and 0 <= values['variance'] < math.inf):
    raise ValueError(f'{setting.key}: network {values}: changed is a share, '
                     f'variance at least 0')
  return values
