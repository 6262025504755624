"""The geographic prior of a reranker, fitted on rows that are not queries."""

import pathlib

from ml_collections import config_dict
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import files
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.rerank import examples, geo_prior
from pinpoint_jax.search import vectors
import safetensors.numpy

# More say little more, and the fit reads each row in float64.
_MOST_ROWS = 100_000


def check(config: config_dict.ConfigDict, gallery: galleries.Gallery) -> None:
  """Refuses a prior where nothing would read it, or nothing could make it."""
  if not config.geo_prior.centres:
    return
  if not config.objective.residual:
    raise ValueError('--config.geo_prior.centres: a prior is part of the '
                     'answer that the network corrects: set '
                     '--config.objective.residual=True, or centres=0')
  if gallery.manifest['raw'] == 'off':
    raise ValueError(f'--config.geo_prior.centres={config.geo_prior.centres}: '
                     f'{gallery.path} has no raw features to fit a prior on: '
                     f'build it with them, or set centres=0')


def make(config: config_dict.ConfigDict, gallery: galleries.Gallery,
         asked: list[examples.LabeledQueries],
         path: pathlib.Path) -> geo_prior.GeoPrior | None:
  """The prior of the gallery's rows of the task, from `path` if it is there.

  No row of an author or a sequence that is asked about has part in it.
  """
  if not config.geo_prior.centres:
    return None
  if not path.exists():
    rows = _rows(config, gallery, asked)
    print(f'prior: fitted on {len(rows):,} {config.task} rows', flush=True)
    raw = vectors.Joined(gallery.channel('raw')).take(rows)
    found = geo_prior.fit(raw, gallery.latlng_deg[rows],
                          config.geo_prior.centres,
                      config.geo_prior.anchors)
    with files.atomic(path) as file:
      file.write(safetensors.numpy.save(found))
  return safetensors.numpy.load(path.read_bytes())


def _rows(config: config_dict.ConfigDict, gallery: galleries.Gallery,
          asked: list[examples.LabeledQueries]) -> np.ndarray:
  kept = gallery.source == types.SOURCES.index(config.task)
  for one in asked:
    kept &= ~np.isin(gallery.clusters, gallery.clusters_of(one.photos))
  rows = np.setdiff1d(np.flatnonzero(kept), gallery.removed)
  if len(rows) < 2:
    raise ValueError(
        f'{gallery.path}: {len(rows)} {config.task} rows are left to fit a '
        f'prior on, all others share an author or a sequence with a query: '
        f'set --config.geo_prior.centres=0')
  return rows[blocks.evenly_spread(len(rows), _MOST_ROWS)]
