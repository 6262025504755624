"""README.md of a model directory: what it is, for what, and for what not."""

from collections.abc import Collection, Mapping
from typing import Any

from experiments.run import run_record
from ml_collections import config_dict
from pinpoint_jax.answer import calibration
from pinpoint_jax.features import rows as rows_lib
from pinpoint_jax.report import tables
from pinpoint_jax.rerank import files

_TEXT = '''# pinpoint_jax embedder

Maps photo features and places into one space. Made by
`experiments.train_embedder`, revision {git}, config {config_hash}.

## Data
{data}
Rows whose id's md5 falls into the last {percent} % were held out.

## Figures on held-out rows
The nearest place by its location embedding, among all places trained on, of
other authors and sequences. Accuracies are shares, distances kilometres.

{figures}

'''
_OWN = '''## Privacy
Made of a person's own photos: it knows the places where they were taken, and
says so to whoever holds it. Share it as you would share these places.

'''
_USE = '''## Intended use
Research on image geolocation; a first guess for archives and fact-checkers
that a person verifies against the photos shown as evidence.

## Not for
Finding or following people, deciding about a person, or as the only evidence
of where something happened. Answers lean to places that the data shows often.

## Licence
The code is Apache-2.0. The weights come under the terms of the data they were
trained on; see the owners of the data above.
'''
_RERANKER = '''# pinpoint_jax reranker

Chooses among the gallery photos that a search proposes for a {task} photo: one
score per candidate, by the {kind} reranker. Made by
`experiments.train_reranker`, revision {git}, config {config_hash}.

## Data
Reads vectors of embedder {embedder}; learned on gallery {gallery}, from {task}
photos: {queries}, each without itself, its author and its sequence.
Shortlists: {sizes}. Weights of the single stage: {fusion}.
{linear}

## Figures on held-out authors and sequences
The best candidate of each list; `fusion_` is the single stage on the same
lists. Accuracies are shares.

{figures}

'''
_PINPOINT = '''---
library_name: pinpoint_jax
license: apache-2.0
tags: [image-geolocation, retrieval, jax]
---
# pinpoint_jax model

Finds where a photo was taken by searching a gallery, which is a directory of
its own, and choosing among what it finds. Answers {tasks}. Made by
`{made_by}`, revision {git}.

## Figures
{figures}

'''


def pinpoint(tasks: Collection[str],
             calibrated: Mapping[str, calibration.Calibration],
             made_by: str = 'experiments.export_model',
             notes: str = '') -> str:
  """The card of a whole model, Markdown with YAML front matter."""
  lines = [f'- {task}: radii hold for their share of photos like the '
           f'{len(part.levels):,} that they were calibrated on'
           for task, part in sorted(calibrated.items())]
  lines += [f'- {task}: p-values of claimed places hold for photos like the '
            f'{len(part.claims.levels):,} that they are a rank among'
            for task, part in sorted(calibrated.items())
            if part.claims is not None]
  return _PINPOINT.format(
      tasks=' and '.join(sorted(tasks)), git=run_record.git_revision(),
      made_by=made_by, figures='\n'.join(lines) or 'Not calibrated: answers '
      'carry no confidence.') + notes + _USE


def own(tasks: Collection[str],
        calibrated: Mapping[str, calibration.Calibration],
        figures: Mapping[str, Mapping[str, float]]) -> str:
  """The card of a model of a person's own photos."""
  lines = ''.join(
      f'- {task}, days left out: {part["acc@25km"]:.1%} within 25 km, median '
      f'{part["median_km"]:,.1f} km\n'
      for task, part in sorted(figures.items()))
  return pinpoint(tasks, calibrated, 'pinpoint index',
                  (lines and f'{lines}\n') + _OWN)


def own_embedder(inputs: Mapping[str, Mapping[str, Any]]) -> str:
  """The card of an embedder of a person's own photos."""
  rows = ', '.join(f'{part["trained_on"]["rows"]:,} {source}'
                   for source, part in inputs.items())
  return (f'# pinpoint_jax embedder\n\nSolved from {rows} pictures by '
          f'`pinpoint index`, revision {run_record.git_revision()}.\n\n'
          + _OWN + _USE)


def embedder(config: config_dict.ConfigDict,
             rows: Mapping[str, rows_lib.StoreRows],
             figures: Mapping[str, float]) -> str:
  """The card of a trained embedder, Markdown."""
  data = ''.join(
      f'- {source}: {len(part):,} rows, features of '
      f'{part.stores[0].manifest["backbone"]} after '
      f'`{part.stores[0].manifest["preprocess"]}`, data {part.fingerprint()}\n'
      for source, part in rows.items())
  return _TEXT.format(
      git=run_record.git_revision(), data=data,
      config_hash=run_record.config_hash(config),
      percent=config.validation_percent,
      figures=_table(figures)) + _USE


def reranker(config: config_dict.ConfigDict, info: files.RerankerInfo,
             figures: Mapping[str, float]) -> str:
  """The card of a trained reranker, Markdown."""
  seen = {'held_out': 'its rows that the embedder did not train on',
          'apart': 'photos that are not in it',
          'all': 'its rows, also those the embedder was trained on'}
  linear = (f'Its score is a weighted sum, {_listed(info.linear)}, and what '
            f'its network adds to that.' if info.linear else
            'Its network alone gives the score.')
  return _RERANKER.format(
      git=run_record.git_revision(), kind=config.kind,
      config_hash=run_record.config_hash(config), task=info.task,
      embedder=info.embedder, gallery=info.gallery,
      queries=seen[config.queries], linear=linear, sizes=_listed(info.sizes),
      fusion=_listed(info.fusion), figures=_table(figures)) + _USE


def _table(figures: Mapping[str, float]) -> str:
  return tables.figures(figures) if figures else 'No row was held out.\n'


def _listed(values: Mapping[str, float | int]) -> str:
  return ', '.join(f'{name} {value:.3g}' for name, value in values.items())
