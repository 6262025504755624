"""A gallery of synthetic rows, and queries that have neighbours in it."""

from collections.abc import Iterator
import copy
import dataclasses
import pathlib
import tempfile

import numpy as np
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.gallery import (
  columns,
  indexes,
  layout,
  neighbours,
  segment_writer,
  writer,
)
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import segment_writer as gallery_blocks
from pinpoint_jax.gallery import table as gallery_table
from pinpoint_jax.geo import coords, places
from pinpoint_jax.models import embedder_files
from pinpoint_jax.rerank import files, inputs
from pinpoint_jax.rerank import ranker as reranking
from pinpoint_jax.search import ann, ann_tuning, exact, recall, vectors

from benchmarks import answer_models, gallery_bench

MANY = 1000
DEEP = 256
# Rows round one town: lists of neighbours are full.
_TOWN_ROWS, _TOWN_DEG = 500, .1
_NOISE, _TUNED_ON = .5, 64


def table(num_rows: int) -> gallery_table.Table:
  """Rows of both sources in turn, scattered round some of the world's towns."""
  rng = np.random.default_rng(0)
  towns = places.load_cities().latlng_deg
  towns = towns[rng.permutation(len(towns))[:max(1, num_rows // _TOWN_ROWS)]]
  at = towns[rng.integers(len(towns), size=num_rows)]
  at = at + rng.uniform(-_TOWN_DEG, _TOWN_DEG, at.shape)
  at = np.stack([at[:, 0].clip(-89, 89), coords.wrap_lng_deg(at[:, 1])], axis=1)
  nobody = columns.Coded(
      np.full(num_rows, -1, '<i4'), np.zeros(0, np.str_))
  return gallery_table.Table(
      np.char.mod('%09d', np.arange(num_rows)), at.astype(np.float32),
      (np.arange(num_rows) % 2).astype(np.uint8), nobody, nobody, nobody)


def blocks(folder: pathlib.Path,
           num_rows: int) -> Iterator[gallery_blocks.Block]:
  """Rows of gallery_bench; those of places lie near those of images."""
  rng = np.random.default_rng(1)
  gallery_bench.write_rows(folder, num_rows)
  held = {name: gallery_bench.held(folder, name, num_rows)
          for name in ('image', 'raw')}
  for start in range(0, num_rows, gallery_blocks.BLOCK_ROWS):
    stop = min(start + gallery_blocks.BLOCK_ROWS, num_rows)
    image = held['image'].block(start, stop)
    noise = rng.standard_normal(image.shape, np.float32)
    near = image + _NOISE / answer_models.DIM**.5 * noise
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    yield {layout.Z_IMAGE: image.astype('<f2'),
           layout.Z_LOCATION: near.astype('<f2'),
           layout.RAW_FILES['float16']: held['raw'].block(
               start, stop).astype('<f2')}


def build(path: pathlib.Path, num_rows: int,
          trained: embedder_files.Trained | None = None) -> None:
  """A gallery with indices and neighbour lists, unless it is there.

  trained: what the gallery says that it was made by.
  """
  if not (path / layout.MANIFEST).exists():
    about = writer._empty_manifest(
        trained or answer_models.embedder('quick'), writer.Settings())
    with layout.writing(path), tempfile.TemporaryDirectory() as rows:
      one = segment_writer.write(
          path, about, table(num_rows), blocks(pathlib.Path(rows), num_rows),
          lambda _: None)
      layout.publish(
          path, {**about, 'rows': num_rows, 'segments': [one]})
  indexes.build(
      path, smallest=min(num_rows, ann.BRUTE_BELOW))
  neighbours.build_beside(path)


@dataclasses.dataclass(frozen=True)
class Ground:
  """What is searched, and queries that have neighbours in it.

  Attributes:
    searcher: its indices tuned for the 12 best.
    deep: the same at the effort they are built with. One leaf holds fewer
      rows than a long list wants; what is short is scanned exactly.
    reader: the gallery as rerankers read it.
    asked: as many as there are to tune on and to time.
    features: raw features of any queries, for the embedder.
    tuned: leaves looked into and recall, by channel and depth.
    rankers: opened so far, by the identity of what was trained.
  """

  searcher: search.Searcher
  deep: search.Searcher
  reader: inputs.Reader
  asked: shortlist.Queries
  features: np.ndarray
  tuned: dict
  rankers: dict = dataclasses.field(default_factory=dict)

  def one(self, i: int) -> shortlist.Queries:
    """Query i, from the start again when they end."""
    i = _TUNED_ON + i % (len(self.asked) - _TUNED_ON)
    return self.asked.take(slice(i, i + 1))

  def many(self, num: int) -> shortlist.Queries:
    """So many queries together."""
    return self.asked.take(slice(_TUNED_ON, _TUNED_ON + num))

  def search_for(self, trained: files.Trained) -> search.Searcher:
    """The one whose effort suits that reranker's lists."""
    return self.deep if trained.kind == 'light' else self.searcher

  def ranker(self, trained: files.Trained) -> reranking.Ranker:
    """That reranker on this gallery: opened once, as an answerer does."""
    if id(trained) not in self.rankers:
      self.rankers[id(trained)] = reranking.Ranker(self.reader, trained)
    return self.rankers[id(trained)]


def opened(path: pathlib.Path) -> Ground:
  """The gallery, each channel at the least effort that finds 95 % of 12."""
  gallery = galleries.open_gallery(path)
  num = _TUNED_ON + MANY
  asked = shortlist.Queries(*(
      ann_tuning.perturbed(gallery.channel(name)[0], num, _NOISE, seed=1)
      for name in ('image', 'raw')))
  deep, short, tuned = indexes.load(gallery), {}, {}
  for (segment, name), found in deep.items():
    rows = gallery.channel(name)[0]
    short[segment, name], tuned[name] = gallery_bench.tuned(
        copy.copy(found), rows, asked.of(name)[:_TUNED_ON])
    tuned[f'{name}_{DEEP}'] = recall_of_deep(
        found, rows, asked.of(name)[:_TUNED_ON])
  features = np.random.default_rng(2).normal(size=(num, answer_models.RAW_DIM))
  return Ground(
      search.Searcher(gallery, short), search.Searcher(gallery, deep),
      inputs.Reader(gallery, neighbours.load_or_build(gallery)), asked,
      features.astype(np.float32), tuned)


def recall_of_deep(found: ann.Index, rows: vectors.Vectors,
                   queries: np.ndarray) -> dict:
  """Leaves looked into as built, and how much of a long list they hold."""
  inner = getattr(found, 'inner', found)
  right = exact.search(queries, rows, DEEP).rows
  return dict(leaves_to_search=inner.settings.leaves_to_search,
              recall=recall.by_row(found.search(queries, DEEP).rows, right))
