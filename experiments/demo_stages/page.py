"""Gathers what the page of a demo shows, from what the demo has written.

  results.json, claims.json ─┐
  errors/, features/ ────────┤
  model/, gallery/ ─▶ answers ┼─▶ page_records.Page ─▶ report.html
  metrics.jsonl ─────────────┘

What a run has not written is left out of its page.
"""

from collections.abc import Mapping, Sequence
import json
import pathlib
from typing import Any

from experiments.demo_stages import models, page_answers
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.evals import errors_file, results
from pinpoint_jax.features import store as stores
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import neighbors
from pinpoint_jax.report import demo_page, page_records, page_words, plots

_LOOKS = {'interaction': 'c-full', 'full_no_support': 'c-location_top1',
          'light': 'c-light', 'attention': 'c-retrieval',
          'full_pairwise': 'c-geoclip_style'}
_NAMES = {'full_no_support': 'no support', 'full_pairwise': 'pairwise'}
# A curve has at least so many points.
_MIN_POINTS = 3


def write(config: config_dict.ConfigDict, workdir: pathlib.Path,
          rows: Sequence[Mapping[str, Any]],
          claims: Sequence[Mapping[str, Any]],
          remarks: Sequence[str] = ()) -> pathlib.Path:
  """Writes report.html; its path. The same run gives the same bytes."""
  cards, how_chosen, promises = page_answers.answered(config, workdir)
  page = page_records.Page(
      rows, claims, cards, how_chosen, query_sets(workdir, rows), promises,
      page_answers.CALIBRATION, trainings(workdir), remarks)
  path = workdir / 'report.html'
  path.write_text(demo_page.page(page), encoding='utf-8')
  return path


def query_sets(workdir: pathlib.Path, rows: Sequence[Mapping[str, Any]],
               ) -> list[page_records.QuerySet]:
  """Errors of the systems that the page shows, and where the photos are."""
  if not (workdir / 'errors').is_dir():
    return []
  saved = errors_file.read(workdir / 'errors')
  gallery = galleries.open_gallery(
      workdir / 'gallery' / 'both_combined')
  index = neighbors.SphereIndex(gallery.latlng_deg)
  sets = []
  for queries in page_words.shown_sets(rows):
    photos = stores.open_store(models.store(workdir, queries)).photos
    if not np.array_equal(photos.ids, saved.ids[queries]):
      raise ValueError(f'{workdir}: errors/ and features/{queries} list other '
                       f'photos: run the demo again')
    errors = {
        system: saved.errors[key].dist_km
        for system in page_words.shown_systems(rows)
        if (key := results.Key(queries, system, 'combined')) in saved.errors}
    nearest = index.nearest(photos.latlng_deg, 1).dist_km[:, 0]
    sets.append(page_records.QuerySet(
        queries, photos.latlng_deg, nearest, errors))
  return sets


def trainings(workdir: pathlib.Path) -> list[page_records.Training]:
  """Curves of what was trained in steps."""
  curves = []
  for source in types.SOURCES:
    traces = _reranker_traces(workdir, source)
    if traces:
      kind = {'photo': 'photos', 'street': 'street views'}[source]
      curves.append(page_records.Training(
          f'rerankers of {kind}', 'GeoScore of held-out photos', traces))
  for name in ('both', 'geoclip_style'):
    steps, loss = _column(
        workdir / 'embedder' / name / 'metrics.jsonl', 'loss')
    if len(steps) >= _MIN_POINTS:
      words = {'both': 'embedder', 'geoclip_style': 'embedder, GeoCLIP’s way'}
      curves.append(page_records.Training(words[name], 'loss', [
          plots.Trace('loss', 'c-geoclip_style', steps, loss)]))
  return curves


def _reranker_traces(workdir: pathlib.Path,
                     source: str) -> list[plots.Trace]:
  traces = []
  for name, look in _LOOKS.items():
    path = workdir / 'reranker' / 'both' / f'{name}_{source}' / 'metrics.jsonl'
    steps, score = _column(path, 'validation/geoscore')
    if len(steps) > 1:
      traces.append(plots.Trace(_NAMES.get(name, name), look, steps, score))
  main = workdir / 'reranker' / 'both' / f'interaction_{source}'
  steps, score = _column(main / 'metrics.jsonl', 'validation/linear_geoscore')
  if traces and len(steps) > 1:
    traces.append(plots.Trace('linear part', 'c-ideal', steps, score))
  return traces


def _column(path: pathlib.Path, name: str) -> tuple[np.ndarray, np.ndarray]:
  """Steps and values of one figure; none where nothing was logged."""
  if not path.is_file():
    return np.zeros(0), np.zeros(0)
  lines = [json.loads(line)
           for line in path.read_text(encoding='utf-8').splitlines()]
  pairs = [(line['step'], line[name]) for line in lines if name in line]
  pairs = [pair for pair in pairs if np.isfinite(pair[1])]
  return (np.asarray([step for step, _ in pairs], np.float64),
          np.asarray([value for _, value in pairs], np.float64))
