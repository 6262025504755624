"""A small gallery of both sources around a few towns, and queries of it."""

import dataclasses
import functools
import pathlib
import tempfile

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.features import store_writer
from pinpoint_jax.geo import coords
from pinpoint_jax.models import (
  light_reranker,
  rerank_files,
  rerank_scoring,
  reranker,
)
from pinpoint_jax.retrieval import (
  filters,
  gallery,
  gallery_neighbourhoods,
  rerank_arrays,
  search,
  shortlist,
)

from tests.retrieval import tiny_gallery

SIZES = {'image': 4, 'location': 3, 'raw': 2}
FUSION = {'image': 3., 'location': 2., 'raw': 1.}
ROWS = 90
_HERE = tempfile.TemporaryDirectory(prefix='tiny_ranking_')


@dataclasses.dataclass(frozen=True)
class Ground:
  """What rerankers stand on."""

  gallery: gallery.Gallery
  searcher: search.Searcher
  neighbourhoods: object
  reader: rerank_arrays.Reader


def photos(source, count=ROWS, prefix=''):
  """Rows scattered around six towns; three in four have an author."""
  rng = np.random.default_rng(types.SOURCES.index(source))
  towns = np.array([[50., 10.], [50.1, 10.1], [-20., 179.95], [0., 0.5],
                    [60., -100.], [35., 139.]])
  places = towns[rng.integers(0, 6, count)] + rng.normal(0, .05, (count, 2))
  places[:, 1] = coords.wrap_lng_deg(places[:, 1])
  authors = [f'{source}er{i % 12}' if i % 4 else '' for i in range(count)]
  drives = [f'drive{i % 7}' if i % 8 == 0 else '' for i in range(count)]
  names = [f'{prefix}{source}{i}' for i in range(count)]
  return types.Photos(
      np.array(names), places.astype(np.float32).astype(np.float64),
      np.array(authors), np.array(drives), source)


def features(count, seed):
  return np.random.default_rng(seed).normal(
      size=(count, tiny_gallery.DIM)).astype(np.float32)


def ground(segments=1):
  """The gallery, opened; its rows in so many segments."""
  return _ground(segments)


@functools.cache
def _ground(segments):
  folder = pathlib.Path(_HERE.name) / str(segments)
  stores = []
  for seed, source in enumerate(types.SOURCES):
    table, rows = photos(source), features(ROWS, seed)
    for i in range(segments):
      at = np.arange(i, ROWS, segments)
      facts = store_writer.Facts(*(tiny_gallery.MADE[name] for name in (
          'backbone', 'weight_hash', 'preprocess')))
      stores.append(folder / f'{source}{i}')
      store_writer.write(stores[-1], table.take(at), [rows[at]],
                         tiny_gallery.DIM, facts)
  tiny_gallery.build(folder / 'g', [stores[0], stores[segments]])
  for i in range(1, segments):
    tiny_gallery.add(folder / 'g', [stores[i], stores[segments + i]])
  found = gallery.open_gallery(folder / 'g')
  around = gallery_neighbourhoods.of(found)
  return Ground(found, search.Searcher(found), around,
                rerank_arrays.Reader(found, around))


def queries(count=11, seed=5):
  rng = np.random.default_rng(seed)
  def unit(dim):
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
  return shortlist.Queries(unit(tiny_gallery.trained().model.dim),
                           unit(tiny_gallery.DIM))


def mask(found, count=11):
  """Each query is by somebody who has photos in the gallery."""
  return filters.mask(found, photos('photo', count, 'q'), 'author')


DIMS = rerank_scoring.Dims(8, tiny_gallery.DIM)


def facts(found=None, **changes):
  fields = dict(task='photo', embedder='feed', sizes=SIZES, fusion=FUSION,
                gallery='', residual=True, dims=DIMS)
  return rerank_files.Facts(**fields | changes)


def model(kind='attention', **changes):
  if kind == 'light':
    return light_reranker.LightReranker(**dict(widths=(8,)) | changes)
  fields = dict(width=16, num_layers=1, num_heads=2, dropout=0.0)
  return reranker.Reranker(**fields | changes)


@functools.cache
def params(module):
  """Numbers like those that training may come to; nothing to compile."""
  rng = np.random.default_rng(1)
  shapes = jax.eval_shape(lambda key: rerank_scoring.init(module, DIMS, key),
                          jax.random.key(0))
  return jax.tree.map(lambda leaf: .5 + .3 * rng.normal(size=leaf.shape).astype(
      np.float32), shapes)


def trained(kind='attention', residual=True, **changes):
  module = model(kind, **changes)
  return rerank_files.Trained(kind, module, params(module),
                              facts(residual=residual), 'cafe')
