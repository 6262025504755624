"""Every system of a model and a gallery on query sets: figures and answers.

  query set, filter ─▶ mask ─▶ answers of every system, block by block
                    ─▶ errors ─▶ rows of results.json, lines of predictions.csv
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import time
from typing import Any

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import decoding, open_systems, systems
from pinpoint_jax.candidates import filters
from pinpoint_jax.evals import (
  administrative,
  baselines,
  geolocation,
  metrics,
  results,
)
from pinpoint_jax.evals.query_sets import QuerySet
from pinpoint_jax.features import progress
from pinpoint_jax.search import masks, row_sets

# Queries answered at a time.
_BLOCK = 256
# Columns of predictions.csv.
HEAD = ('id', 'lat', 'lng', 'queries', 'system', 'filter', 'decode')

# By system and decoding.
ByAnswer = Mapping[tuple[str, str], systems.Answers]
# Further filters: rows hidden from each query, by filter and query set.
Hidden = Mapping[str, Mapping[str, types.RowSets]]


@dataclasses.dataclass(frozen=True)
class Settings:
  """What is evaluated; every field is a config field.

  Attributes:
    filters: names of filters.NAMES; the first one's answers are written down.
    systems: names of results.SYSTEMS; none named is all there are.
    leave_one_out: a query that is a gallery row never answers itself.
    region: of the rows that may answer, as a user writes it; '' is everywhere.
    interpolate: the mean of the candidates near the chosen one.
    distances: names in geo.distance.
    num_resamples: of the bootstrap; 0 leaves intervals out.
    seed: of chance.
    search_source: both, or same: only rows of the queries' source are searched,
      while support, density and priors read both.
    system: whose answers are written down; '' is the best there is.
    decode: how those were decoded.
  """

  filters: Sequence[str] = filters.NAMES
  systems: Sequence[str] = ()
  leave_one_out: bool = True
  region: str = ''
  interpolate: bool = False
  distances: Sequence[str] = ('haversine', 'geodesic')
  num_resamples: int = 1000
  seed: int = 0
  system: str = ''
  decode: str = 'argmax'
  search_source: str = 'both'

  def __post_init__(self):
    if not self.filters:
      raise ValueError(f'--config.filters is empty: choices are '
                       f'{filters.NAMES}')
    for name in self.filters:
      if name not in filters.NAMES:
        raise ValueError(f'--config.filters: {name!r} is unknown; choices are '
                         f'{filters.NAMES}')
    filters.check_search_source(self.search_source)
    unknown = set(self.systems) - set(results.SYSTEMS)
    if unknown:
      raise ValueError(f'--config.systems: {sorted(unknown)} are unknown; '
                       f'choices are {results.SYSTEMS}')
    if self.decode not in decoding.NAMES:
      raise ValueError(f'--config.predictions.decode={self.decode}: choices '
                       f'are {decoding.NAMES}')


@dataclasses.dataclass(frozen=True)
class Evaluated:
  """Figures and answers.

  Attributes:
    rows: of results.json.
    answers: lines of predictions.csv, as HEAD names their columns.
    errors: of every query, by the key of its row, by the first distance.
    ids: of the queries of each query set, in the order of the errors.
  """

  rows: list[dict[str, Any]]
  answers: list[Sequence[Any]]
  errors: dict[results.Key, metrics.Errors] = dataclasses.field(
      default_factory=dict)
  ids: dict[str, types.Strings] = dataclasses.field(default_factory=dict)


def evaluate(opened: open_systems.OpenGallery, query_sets: Sequence[QuerySet],
             settings: Settings = Settings(),
             hidden: Hidden | None = None) -> Evaluated:
  """Answers every query under every filter, and scores the answers.

  hidden: filters beside those of the settings, named as they will be in rows.
  """
  hidden = hidden or {}
  taken = set(hidden) & set(filters.NAMES)
  if taken:
    raise ValueError(f'filters {sorted(taken)} have their meaning: name what '
                     f'is hidden otherwise')
  allowed = opened.region(settings.region)
  done = Evaluated([], [])
  rows, answers = done.rows, done.answers
  for queries in query_sets:
    print(f'{queries.name}: {len(queries.photos):,} queries, '
          f'{", ".join(queries.answering.systems)}', flush=True)
    _report_own_rows(opened, queries, settings)
    for row, errors in _baselines(opened, queries, settings, allowed):
      rows.append(row)
      if len(errors.dist_km) == len(queries.photos):  # Chance has more.
        done.errors.setdefault(results.key(row), errors)
    for name in (*settings.filters, *hidden):
      sets = hidden[name][queries.name] if name in hidden else None
      chosen, seconds = _answer(opened, queries, settings, name, allowed, sets)
      for row, errors in _rows(
          opened, queries, settings, name, chosen, seconds):
        rows.append(row)
        # The first distance is the first of a key.
        done.errors.setdefault(results.key(row), errors)
      if name == settings.filters[0]:
        answers += _written(queries, settings, name, chosen)
    done.ids[queries.name] = queries.photos.ids
  if num := opened.searcher.num_scanned_again:
    print(f'note: {num:,} searches were decided by a scan of all rows on the '
          f'host: an index or a device could not (docs/search.md)', flush=True)
  return done


def _report_own_rows(opened: open_systems.OpenGallery, queries: QuerySet,
                     settings: Settings) -> None:
  own = int((opened.gallery.find(queries.photos.ids) >= 0).sum())
  if own:
    rule = ('never answer themselves' if settings.leave_one_out else
            'MAY ANSWER THEMSELVES: --config.leave_one_out is off')
    print(f'note: {own:,} queries are rows of the gallery and {rule}',
          flush=True)


def _answer(opened: open_systems.OpenGallery, queries: QuerySet,
            settings: Settings,
            filter_name: str, allowed: Int[np.ndarray, 'a'] | None,
            hidden: types.RowSets | None) -> tuple[ByAnswer, float]:
  """Answers of every system and decoding, and the seconds they took."""
  begun = time.monotonic()
  mask = filters.mask(
      opened.gallery, queries.photos, filter_name if hidden is None else 'none',
      allowed, settings.leave_one_out)
  if hidden is not None:
    mask = dataclasses.replace(
        mask, excluded=row_sets.union(mask.excluded, hidden))
  searched = _searched(opened, queries, settings, mask)
  answering = queries.answering.prepared(mask)
  shown = progress.Progress(len(queries.photos), unit='queries')
  blocks = []
  for start in range(0, len(queries.photos), _BLOCK):
    at = slice(start, start + _BLOCK)
    blocks.append(answering.answer(
        queries.queries.take(at), mask.take(at), queries.photos.latlng_deg[at],
        settings.interpolate, searched.take(at)))
    shown.add(len(queries.photos.ids[at]))
  answers = {key: systems.Answers(
      np.concatenate([block[key].rows for block in blocks]),
      np.concatenate([block[key].latlng_deg for block in blocks]),
      _joined([block[key].effect for block in blocks]))
             for key in blocks[0]}
  _refuse_missing(answers, queries, filter_name, settings.region)
  return answers, time.monotonic() - begun


def _joined(effects: Sequence[systems.NetworkEffect | None],
            ) -> systems.NetworkEffect | None:
  if effects[0] is None:
    return None
  return systems.NetworkEffect(
      np.concatenate([effect.changed for effect in effects]),
      np.concatenate([effect.share for effect in effects]))


def _searched(opened: open_systems.OpenGallery, queries: QuerySet,
              settings: Settings, mask: masks.Mask) -> masks.Mask:
  return filters.searched(opened.gallery, mask, queries.photos.source,
                          settings.search_source)


def _refuse_missing(answers: ByAnswer, queries: QuerySet, filter_name: str,
                    region: str) -> None:
  missing = np.any([some.missing for some in answers.values()], axis=0)
  if missing.any():
    first = str(queries.photos.ids[np.flatnonzero(missing)[0]])
    where = f' in region {region!r}' if region else ''
    raise ValueError(
        f'{queries.name}: no gallery row is left{where} for '
        f'{missing.sum():,} of {len(missing):,} queries under filter '
        f'{filter_name!r}, the first is {first!r}: leave them out, or take a '
        f'larger gallery or region')


def _rows(opened: open_systems.OpenGallery, queries: QuerySet,
          settings: Settings,
          filter_name: str, chosen: ByAnswer,
          seconds: float) -> Iterator[tuple[dict[str, Any], metrics.Errors]]:
  for (name, decode), answers in chosen.items():
    # An oracle's name has the list that it bounds: oracle@12.
    system, _, bounds = name.partition('@')
    weights = queries.answering.weights.get(system)
    predicted = types.Predictions(queries.photos.ids, answers.latlng_deg)
    extra = _names(queries, answers.latlng_deg, settings)
    for distance_name in settings.distances:
      setting = dataclasses.replace(
          _setting(opened, queries, settings, system, distance_name),
          filter=filter_name,
          decode=decode, variant=_variant(opened, settings, system, bounds))
      errors = geolocation.errors(predicted, queries.photos, distance_name)
      row = results.row(
          setting, errors, {'data': queries.data, 'seconds': round(seconds, 3)},
          num_resamples=settings.num_resamples, extra=extra,
          network=_network(answers.effect))
      yield row | ({'weights': weights} if weights else {}), errors


def _names(queries: QuerySet, latlng_deg: types.LatLng,
           settings: Settings) -> results.Extra:
  """Administrative accuracies, of a query set whose truth has names."""
  if not queries.names:
    return results.Extra()
  return results.shares(
      administrative.shares(latlng_deg, queries.names),
      queries.photos.clusters, settings.num_resamples)


def _network(effect: systems.NetworkEffect | None) -> dict[str, float] | None:
  """What results.row says of a network."""
  if effect is None:
    return None
  return {'changed': float(effect.changed.mean()),
          'variance': float(effect.share.mean())}


def _baselines(
    opened: open_systems.OpenGallery, queries: QuerySet, settings: Settings,
    allowed: Int[np.ndarray, 'a'] | None,
) -> Iterator[tuple[dict[str, Any], metrics.Errors]]:
  """Rows of chance and the constant place, which no filter changes."""
  gallery = opened.gallery
  rows = _searched(opened, queries, settings, masks.Mask(
      row_sets.none(0), gallery.removed, allowed)).shared_rows(len(gallery))
  if settings.leave_one_out:
    rows = np.setdiff1d(rows, gallery.find(queries.photos.ids))
  if not len(rows):
    print('note: every gallery row is a query: there is no chance and no '
          'constant place', flush=True)
    return
  wanted = [name for name in baselines.NAMES
            if name in (settings.systems or baselines.NAMES)]
  for some in baselines.baselines(
      queries.photos, gallery.latlng_deg[rows], wanted, settings.distances,
      settings.seed):
    setting = dataclasses.replace(
        _setting(opened, queries, settings, some.system, some.distance),
        decode=some.decode)
    extra = results.Extra() if some.latlng_deg is None else _names(
        queries, np.tile(some.latlng_deg, (len(queries.photos), 1)), settings)
    yield results.row(
        setting, some.errors, {'data': queries.data, 'seconds': 0.},
        len(queries.photos), settings.num_resamples,
        extra=extra), some.errors


def _setting(opened: open_systems.OpenGallery, queries: QuerySet,
             settings: Settings, system: str,
             distance_name: str) -> results.Setting:
  name = open_systems.gallery_name(opened.gallery, queries.photos.source)
  if name == 'combined' and settings.search_source == 'same':
    name = 'same_source'
  return results.Setting(
      'evaluate', queries.photos.source, system, name,
      distance=distance_name, queries=queries.name)


def _variant(opened: open_systems.OpenGallery, settings: Settings,
             system: str, bounds: str) -> str:
  notes = [f'@{bounds}'] if bounds else []
  if settings.region:
    notes.append(f'region {settings.region}')
  if opened.search != 'exact':
    notes.append('approximate search')
  if settings.interpolate and system != systems.ORACLE:
    notes.append('interpolated')
  return ', '.join(notes)


def _written(queries: QuerySet, settings: Settings, filter_name: str,
             chosen: ByAnswer) -> Iterator[list[Any]]:
  """Lines of predictions.csv: the answers of one system."""
  names = [system for system, _ in chosen]
  system = settings.system or open_systems.best(names)
  if system not in names:
    choices = sorted({name for name in names if '@' not in name})
    raise ValueError(f'--config.predictions.system={system}: {queries.name} '
                     f'has {choices}')
  places = chosen[system, settings.decode].latlng_deg.tolist()
  for name, (lat, lng) in zip(queries.photos.ids.tolist(), places):
    yield [name, repr(lat), repr(lng), queries.name, system, filter_name,
           settings.decode]
