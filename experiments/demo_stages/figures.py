"""The rows of the demo's table: what is evaluated, and under which name."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

from experiments import evaluate
from experiments.configs import evaluate as configs
from experiments.demo_stages import models
from ml_collections import config_dict
from pinpoint_jax import types
from pinpoint_jax.evals import evaluation, results

QUERIES = {'photo': ('query_photo_known', 'query_photo_new'),
           'street': ('query_street',)}
# Shown of a search among the query's own source alone, as in the paper: the
# other source is then support and nothing else.
SAME_SOURCE = ('raw_1nn', 'image_top1', 'location_top1', 'retrieval', 'full',
               'full_pairwise', 'oracle')
ONE_SOURCE = 'one source'

# Rows that say what a part is worth, as system, gallery, variant.
_BESIDE = (('full', 'combined', ''), ('full', 'same_source', ''),
           ('full_single_source', 'same_source', ''),
           ('full_no_support', 'combined', ''), ('linear', 'combined', ''),
           ('light', 'combined', ''), ('retrieval', 'combined', ''))


@dataclasses.dataclass(frozen=True)
class Part:
  """One evaluation: an embedder's gallery, and what reranks there.

  Attributes:
    embedder: one of models.SOURCES.
    mode: of its gallery.
    query_set: one of QUERIES.
    rerankers: names in config.rerankers.
    kept: systems whose rows are kept, by the system and the variant they get;
      None keeps all as they are.
    search_source: both, or same.
    filters: names of filters.
  """

  embedder: str
  mode: str
  query_set: str
  rerankers: tuple[str, ...] = ()
  kept: Mapping[str, tuple[str, str]] | None = None
  search_source: str = 'both'
  filters: tuple[str, ...] = ('none',)

  @property
  def name(self) -> str:
    """Tells it from the others."""
    where = '' if self.search_source == 'both' else 'among its own source'
    words = self.query_set, 'of embedder', self.embedder, where
    return ' '.join(word for word in words if word)


def parts(config: config_dict.ConfigDict) -> Iterator[Part]:
  """All evaluations of a demo."""
  every, same = (tuple(
      name for name, reranker in config.rerankers.items()
      if reranker.embedder == 'both' and (not only or name in only))
                 for only in ((), ('light', 'interaction', 'full_pairwise')))
  for source in types.SOURCES:
    for split in QUERIES[source]:
      # Of authors that the gallery does not know there is nothing to hide.
      filters = config.filters if split == 'query_photo_known' else ('none',)
      yield Part('both', 'combined', split, every, filters=tuple(filters))
      if split == 'query_photo_known':
        continue
      if config.same_source:
        yield Part('both', 'combined', split, same,
                   {name: (name, '') for name in SAME_SOURCE}, 'same')
      # The embedder of one source can only embed a gallery of that source.
      if source in config.embedders:
        yield Part(source, source, split, ('interaction',), {
            'location_top1': ('location_top1', ONE_SOURCE),
            'retrieval': ('retrieval', ONE_SOURCE),
            'full': ('full_single_source', '')})
      if 'geoclip_style' in config.embedders:
        yield Part('geoclip_style', 'combined', split, kept={
            'location_top1': ('geoclip_style', '')})


def evaluated(demo: config_dict.ConfigDict, folder: pathlib.Path,
              part: Part) -> evaluation.Evaluated:
  """Rows of results.json of one evaluation, and the errors behind them."""
  config = configs.get_config('quick')
  config.model = str(folder / 'embedder' / part.embedder / 'model')
  config.gallery = str(folder / 'gallery' / f'{part.embedder}_{part.mode}')
  config.queries = models.store(folder, part.query_set)
  source = 'street' if part.query_set in QUERIES['street'] else 'photo'
  config.rerankers[source] = ','.join(
      str(folder / 'reranker' / part.embedder / f'{name}_{source}' / 'model')
      for name in part.rerankers)
  # Of several rerankers the light one: its lists are by similarity alone.
  config.fusion[source] = 'light' if 'light' in part.rerankers else ''
  config.systems = tuple(part.kept or ())
  config.search_source = part.search_source
  config.filters = part.filters
  config.distances = (demo.distance,)
  config.num_resamples = demo.num_resamples
  config.seed = demo.seed
  return named(demo, part, evaluate.evaluate(config))


def named(demo: config_dict.ConfigDict, part: Part,
          done: evaluation.Evaluated) -> evaluation.Evaluated:
  """The rows under the names that the table has for them."""
  variants = {name: ('full', reranker.variant) for name, reranker
              in demo.rerankers.items() if reranker.variant}
  renamed = evaluation.Evaluated([], [], ids=done.ids)
  for row in done.rows:
    name = row['system']
    if part.kept is not None and name not in part.kept:
      continue
    system, variant = {**variants, **(part.kept or {})}.get(name, (name, ''))
    errors = done.errors.get(results.key(row))
    row = {**row, 'table': 'demo', 'system': system,
           'variant': variant or row['variant']}
    renamed.rows.append(row)
    if errors is not None:
      renamed.errors[results.key(row)] = errors
  return renamed


def systems(table: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """Every system as it is, of both galleries and with every filter."""
  return [row for row in table if not _is_variant(row)]


def left_out(table: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """`full` and each part of it left out, unfiltered, by query set."""
  rows = [row for row in table if row['filter'] == 'none'
          and (_is_variant(row) or _part(row) in _BESIDE)]
  sets = list(dict.fromkeys(row['queries'] for row in rows))
  def order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    part = _part(row)
    return (sets.index(row['queries']), row['decode'] != 'argmax',
            _BESIDE.index(part) if part in _BESIDE else len(_BESIDE))
  return sorted(rows, key=order)


def _is_variant(row: Mapping[str, Any]) -> bool:
  """An oracle's variant only says which list it bounds: @12."""
  return bool(row['variant']) and not row['variant'].startswith('@')


def _part(row: Mapping[str, Any]) -> tuple[str, ...]:
  return row['system'], row['gallery'], row['variant']


def main_rows(table: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """What a terminal shows: the combined gallery, unfiltered, no variants."""
  return [row for row in table if row['filter'] == 'none'
          and not _is_variant(row) and row['gallery'] == 'combined']


def leaks(table: Sequence[Mapping[str, Any]]) -> list[str]:
  """What hiding an author's own photos costs each system at 1 km, as lines."""
  at_1km = {(row['system'], row['filter']): row['metrics']['acc@1km']
            for row in main_and_filtered(table)}
  lines = []
  for system in ('raw_1nn', 'image_top1', 'location_top1', 'retrieval', 'full'):
    if {(system, 'none'), (system, 'author')} <= set(at_1km):
      before, after = at_1km[system, 'none'], at_1km[system, 'author']
      if before > 0:
        lines.append(f'{system} {before:.1%} to {after:.1%}, '
                     f'{1 - after / before:.0%} less')
  return lines


def main_and_filtered(
    table: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """Rows of known authors, argmax, combined gallery, with each filter."""
  return [row for row in table if row['queries'] == 'query_photo_known'
          and row['gallery'] == 'combined' and row['decode'] == 'argmax'
          and not _is_variant(row)]
