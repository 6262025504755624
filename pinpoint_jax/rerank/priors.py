"""Priors of a reranker: models of place fitted on gallery rows.

  ridge    kernel ridge of the task's rows, geo_prior.py
  region   region head of both sources' rows, region_prior.py

Each gives columns of the same name. A row that shares its author or sequence
with a query never takes part in the fit.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import hashlib
import pathlib
from typing import Any

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import parts
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.rerank import columns, geo_prior, region_prior
from pinpoint_jax.search import vectors

# More rows say little more, and a fit has them in memory.
_MOST_ROWS = 100_000
# Arrays of each prior by its name.
Priors = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Settings:
  """Sizes of the priors; one without a size is not fitted.

  Attributes:
    ridge: of the kernel ridge.
    region: of the region head.
  """

  ridge: geo_prior.Settings = geo_prior.Settings()
  region: region_prior.Settings = region_prior.Settings()

  def sizes(self) -> dict[str, Any]:
    """The settings of each prior that is fitted, ready for JSON."""
    fitted = {'ridge': self.ridge.centres, 'region': self.region.cells}
    return {name: dataclasses.asdict(getattr(self, name))
            for name, size in fitted.items() if size}


def settings(sizes: Mapping[str, Any]) -> Settings:
  """From what `Settings.sizes` gave."""
  return Settings(geo_prior.Settings(**sizes.get('ridge', {})),
                  region_prior.Settings(**sizes.get('region', {})))


def check(gallery: galleries.Gallery, groups: Sequence[str],
          sizes: Settings) -> None:
  """Refuses columns of a prior that is not fitted, or cannot be."""
  fitted = sizes.sizes()
  for name in set(groups) & set(columns.PRIORS) - set(fitted):
    raise ValueError(f'--config.columns names {name!r}, whose prior has no '
                     f'size: set --config.{name}, or leave the column out')
  if fitted and gallery.manifest['raw'] == 'off':
    raise ValueError(f'--config.{sorted(fitted)[0]}: {gallery.path} has no raw '
                     f'features to fit a prior on: build it with them, or set '
                     f'its size to 0 and leave its column out')


def rows_to_fit(gallery: galleries.Gallery,
                hidden: Int[np.ndarray, 'm']) -> Int[np.ndarray, 'n']:
  """Rows of each source, evenly spread, neither deleted nor hidden."""
  left = np.setdiff1d(np.arange(len(gallery)),
                      np.union1d(gallery.removed, hidden))
  by_source = []
  for source in range(len(types.SOURCES)):
    rows = left[gallery.source[left] == source]
    by_source.append(rows[blocks.evenly_spread(len(rows), _MOST_ROWS)])
  if sum(map(len, by_source)) < 2:
    raise ValueError(
        f'{gallery.path}: less than two rows are left to fit a prior on, all '
        f'others are deleted or share an author or a sequence with a query: '
        f'train a reranker without the columns {columns.PRIORS}')
  return np.sort(np.concatenate(by_source))


def fit(gallery: galleries.Gallery, rows: Int[np.ndarray, 'n'],
        task: types.Source, sizes: Settings) -> dict[str, Any]:
  """The priors that have a size, of some rows of a gallery."""
  wanted, fitted = sizes.sizes(), {}
  print(f'{" and ".join(wanted)} prior: fitted on {len(rows):,} rows',
        flush=True)
  raw = vectors.Joined(gallery.channel('raw'))
  by_source = {source: rows[gallery.source[rows] == i]
               for i, source in enumerate(types.SOURCES)}
  if 'ridge' in wanted:
    own = by_source[task]
    fitted['ridge'] = geo_prior.fit(
        raw.take(own), gallery.latlng_deg[own], sizes.ridge.centres,
        sizes.ridge.anchors)
  if 'region' in wanted:
    fitted['region'] = region_prior.fit(
        {source: raw.take(some) for source, some in by_source.items()},
        {source: gallery.latlng_deg[some]
         for source, some in by_source.items()},
        {source: gallery.photos(some).clusters
         for source, some in by_source.items()}, sizes.region)
  return fitted


def load_or_fit(gallery: galleries.Gallery, rows: Int[np.ndarray, 'n'],
                task: types.Source, sizes: Settings,
                path: pathlib.Path) -> dict[str, Any]:
  """The same, kept in the folder `path`."""
  wanted = sizes.sizes()
  if not wanted:
    return {}
  folder = parts.Folder(path, {
      'gallery': gallery.fingerprint(),
      'rows': len(rows), 'task': task,
      'rows_hash': hashlib.sha256(rows.tobytes()).hexdigest()[:16], **wanted})
  if not folder.has(0):
    fitted = fit(gallery, rows, task, sizes)
    folder.write(0, {f'{prior}-{name}': np.asarray(array)
                     for prior, arrays in fitted.items()
                     for name, array in arrays.items()})
  loaded: dict[str, Any] = {name: {} for name in wanted}
  for key, array in folder.open(1).parts[0].items():
    prior, _, name = key.partition('-')
    loaded[prior][name] = np.array(array)
  return loaded


def columns_of(priors: Priors, task: types.Source,
               raw: Float[np.ndarray, 'b r'],
               latlng_deg: Float[np.ndarray, 'b k 2'],
               ) -> dict[str, Float[np.ndarray, 'b k _']]:
  """Columns of each prior for the candidates at those places."""
  by_group = {}
  if 'ridge' in priors:
    by_group['ridge'] = geo_prior.columns(priors['ridge'], raw, latlng_deg)
  if 'region' in priors:
    by_group['region'] = region_prior.columns(
        priors['region'], task, raw, latlng_deg)
  return by_group


def shapes(sizes: Mapping[str, Any], dim: int) -> dict[str, tuple[int, ...]]:
  """Shape of every array by its path, for priors of those sizes."""
  known, listed = settings(sizes), {}
  if 'ridge' in sizes:
    listed |= {f'ridge/{name}': shape for name, shape in geo_prior.shapes(
        known.ridge.centres, known.ridge.anchors, dim).items()}
  if 'region' in sizes:
    listed |= {f'region/{name}': shape for name, shape in region_prior.shapes(
        known.region.cells, known.region.hidden, dim).items()}
  return listed
