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

QUERIES = {'photo': ('query_photo_known', 'query_photo_new'),
           'street': ('query_street',)}
# What the other source is worth shows in these.
SAME_SOURCE = ('chance', 'raw_1nn', 'image_top1', 'location_top1', 'retrieval',
               'full', 'oracle')

# Rows that say what a part is worth, as system, gallery, variant.
_BESIDE = (('full', 'combined', ''), ('full', 'same_source', ''),
           ('full_single_source', 'same_source', ''),
           ('full_no_support', 'combined', ''), ('light', 'combined', ''),
           ('retrieval', 'combined', ''))


@dataclasses.dataclass(frozen=True)
class Part:
  """One evaluation: an embedder's gallery, and what reranks there.

  Attributes:
    embedder: one of demo_models.SOURCES.
    mode: of its gallery.
    source: of the queries.
    rerankers: names in config.rerankers.
    variant: what the rows are called besides.
    kept: systems whose rows are kept, by the name they get; None keeps all.
    filtered: False for what is shown without a filter alone.
  """

  embedder: str
  mode: str
  source: str
  rerankers: tuple[str, ...] = ()
  variant: str = ''
  kept: Mapping[str, str] | None = None
  filtered: bool = True

  @property
  def name(self) -> str:
    """Tells it from the others."""
    gallery = '' if self.mode == 'combined' else f'in {self.mode} gallery'
    words = self.source, gallery, self.variant or self.embedder
    return ' '.join(word for word in words if word)


def parts(config: config_dict.ConfigDict) -> Iterator[Part]:
  """All evaluations of a demo."""
  main = tuple(sorted((name for name, reranker in config.rerankers.items()
                       if not reranker.variant),
                      key=lambda name: name != 'light'))
  for source in types.SOURCES:
    yield Part('both', 'combined', source, main)
    yield Part('both', source, source, main,
               kept={name: name for name in SAME_SOURCE})
    for name, reranker in config.rerankers.items():
      if reranker.variant:
        yield Part('both', 'combined', source, (name,), reranker.variant,
                   {'full': 'full'}, filtered=False)
    # The embedder of one source can only embed a gallery of that source.
    if source in config.embedders:
      yield Part(source, source, source, ('full',), 'one source',
                 {'location_top1': 'location_top1',
                  'full': 'full_single_source'})
    if 'geoclip_style' in config.embedders:
      yield Part('geoclip_style', 'combined', source, kept={
          'location_top1': 'geoclip_style'})


def rows(demo: config_dict.ConfigDict, folder: pathlib.Path,
         part: Part) -> list[dict[str, Any]]:
  """Rows of results.json of one evaluation."""
  config = configs.get_config('quick')
  config.model = str(folder / 'embedder' / part.embedder / 'model')
  config.gallery = str(folder / 'gallery' / f'{part.embedder}_{part.mode}')
  config.queries = ','.join(models.store(folder, split)
                            for split in QUERIES[part.source])
  config.rerankers[part.source] = ','.join(
      str(folder / 'reranker' / part.embedder / f'{name}_{part.source}'
          / 'model') for name in part.rerankers)
  # Of several rerankers the one with the longest lists.
  config.fusion[part.source] = 'light' if len(part.rerankers) > 1 else ''
  config.systems = tuple(part.kept or ())
  config.filters = demo.filters[:None if part.filtered else 1]
  config.distances = (demo.distance,)
  config.num_resamples = demo.num_resamples
  config.seed = demo.seed
  return [_named(part, row) for row in evaluate.evaluate(config).rows]


def _named(part: Part, row: Mapping[str, Any]) -> dict[str, Any]:
  system = part.kept[row['system']] if part.kept else row['system']
  # Its name says it already.
  variant = '' if system == 'full_single_source' else (
      part.variant or row['variant'])
  return {**row, 'table': 'demo', 'system': system, 'variant': variant}


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
