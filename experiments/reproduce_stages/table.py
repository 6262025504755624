"""The tables at the end of a chain, and the figures that a sweep collects."""

from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

from experiments import make_tables
from experiments.reproduce_stages import plan
from experiments.reproduce_stages.stages import Stage
from experiments.run import run_record
from ml_collections import config_dict
from pinpoint_jax.disk import files
from pinpoint_jax.report import tables

# Rows that a terminal shows; results.md has all.
_SHOWN = ('raw_1nn', 'location_top1', 'retrieval', 'full', 'full_pairwise')
# Of a chain's systems, those that a sweep compares, and by what.
_SWEPT = ('full', 'full_pairwise', 'retrieval')
_FIGURES = ('acc@1km', 'acc@25km', 'geoscore')
Row = dict[str, Any]


def write(config: config_dict.ConfigDict, chain: Sequence[Stage],
          base: pathlib.Path, workdir: pathlib.Path,
          seconds: Mapping[str, float]) -> list[pathlib.Path]:
  """results.json, results.md, stages.json, tables.* and, last, figures.json.

  A subset is not set beside published figures.
  """
  rows = [_named(row, config) for stage in chain if stage.kind == 'figures'
          for row in json.loads(
              stage.product(base).read_text(encoding='utf-8'))]
  run_record.write_json(workdir / 'results.json', rows)
  first = rows[0]['distance']
  with files.atomic(workdir / 'results.md') as file:
    every = tables.markdown([row for row in rows if row['distance'] == first])
    file.write(f'# {title(config)}\n\n{every}'.encode())
  run_record.write_json(workdir / 'stages.json', [
      {'name': stage.name, 'recipe': stage.recipe,
       'folder': str(stage.workdir(base)), 'seconds': seconds[stage.name]}
      for stage in chain])
  beside = [] if config.subset else make_tables.make(
      [workdir / 'results.json'], workdir)
  run_record.write_json(workdir / 'figures.json', _figures(rows, first))
  shown = tables.markdown([
      row for row in rows if row['distance'] == first
      and row['decode'] == 'argmax' and row['system'] in _SHOWN])
  print(f'\n{title(config)}\n\n{shown}', flush=True)
  return [*(workdir / name for name in ('results.json', 'results.md',
                                        'stages.json')), *beside]


def title(config: config_dict.ConfigDict) -> str:
  """What the table is of; a subset and a made-up world say so."""
  name = ('Synthetic Earth (synthetic)' if config.benchmark == 'synthetic'
          else config.benchmark)
  return '. '.join([name, *plan.subset_notes(config)])


def _named(row: Row, config: config_dict.ConfigDict) -> Row:
  notes = [row['variant']] if row['variant'] else []
  if config.subset:
    notes.append(f'subset of {config.subset}')
  return row | {'table': config.benchmark, 'variant': ', '.join(notes)}


def _figures(rows: Sequence[Row], distance: str) -> dict[str, float]:
  """One number by the name queries/gallery/filter/system/figure."""
  return {'/'.join((row['queries'], row['gallery'], row['filter'],
                    row['system'], name)): row['metrics'][name]
          for row in rows if row['system'] in _SWEPT
          and row['decode'] == 'argmax' and row['distance'] == distance
          for name in _FIGURES}
