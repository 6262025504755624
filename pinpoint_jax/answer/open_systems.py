"""Every system over one gallery, opened from what is on disk."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import functools
import pathlib

import jax
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import systems
from pinpoint_jax.candidates import queries, searcher, shortlist
from pinpoint_jax.features import store
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import neighbours, region_text, regions
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.rerank import files, fusion
from pinpoint_jax.rerank import ranker as reranking

# The best first: the one whose answers are written down.
ORDER = ('full', 'full_no_support', 'light', 'retrieval', 'location_top1',
         'image_top1', 'raw_1nn')
# By the name of the system.
Rerankers = Mapping[str, files.Trained]


@dataclasses.dataclass(frozen=True)
class Settings:
  """How deep systems look, and what their similarities mean.

  Attributes:
    list_size: candidates of the systems of one channel.
    raw_temperature: of raw cosines; the embedder has none for them.
    sizes: shortlist of `retrieval`, where no reranker brings its own.
    weights: of the channels in `retrieval`; None takes a reranker's.
    wanted: systems that answer; none named is all.
  """

  list_size: int
  raw_temperature: float
  sizes: shortlist.Sizes
  weights: fusion.Fusion | None
  wanted: tuple[str, ...] = ()

  def wants(self, name: str) -> bool:
    """Whether that system is to answer."""
    return not self.wanted or name in self.wanted


class Opened:
  """An embedder and a gallery that it made."""

  def __init__(self, model: str, gallery: str, search: str = 'exact'):
    """Refuses a gallery of another embedder; search is in searcher.SEARCHES."""
    self.search = search
    trained = embedder_files.load(model)
    # Else they are handed over again for every few queries.
    self.trained = dataclasses.replace(
        trained, params=jax.device_put(trained.params))
    self.gallery = galleries.open_gallery(gallery, self.trained)
    self.searcher = searcher.open_searcher(self.gallery, search)
    self._encoder = encoding.Encoder(
        self.trained.model, encoding.FEW)

  @functools.cached_property
  def neighbourhoods(self) -> neighbours.Neighbourhoods:
    """Neighbour lists of the gallery."""
    return neighbours.load_or_build(self.gallery)

  def queries(self, features: store.FeatureStore) -> shortlist.Queries:
    """A store's photos as vectors; refuses features made otherwise."""
    queries.check_inputs(self.trained, features.manifest['source'],
                         features.manifest, str(features.path))
    return queries.encode(
        self.trained, self._encoder, features.photos,
        features.rows(np.arange(len(features))),
        'raw' in self.searcher.channels)

  def region(self, text: str) -> np.ndarray | None:
    """Rows of a region as a user writes it; None is everywhere."""
    if not text:
      return None
    named = [regions.Named(column.codes, tuple(column.names.tolist()))
             for column in (self.gallery.countries, self.gallery.admin1)]
    rows = regions.RegionIndex(self.gallery.latlng_deg, *named).rows(
        region_text.parse(text))
    rows = np.setdiff1d(rows, self.gallery.removed)
    if not len(rows):
      raise ValueError(f'region {text!r} holds no row of {self.gallery.path}: '
                       f'there is nothing to answer with')
    return rows

  def answering_for(self, source: str, rerankers: Rerankers,
                    settings: Settings) -> systems.Answering:
    """Every system there is for queries of one source."""
    stages = {}
    for name, trained in rerankers.items():
      ranker = reranking.Ranker(self.searcher, self.neighbourhoods, trained)
      stages[name] = systems.Stage(ranker.sizes, ranker)
    weights, sizes = settings.weights, settings.sizes
    if weights is None and rerankers:
      # Weights belong to the shortlists that they were fitted on.
      info = next(iter(rerankers.values())).info
      weights = fusion.Fusion(**info.fusion)
      sizes = shortlist.Sizes(**info.sizes)
    if weights is not None:
      stages['retrieval'] = systems.Stage(sizes, systems.Fused(weights))
    oracle = stages[best(stages)].sizes if stages else sizes
    stages = {name: one for name, one in stages.items() if settings.wants(name)}
    channels = self._channels(source, settings)
    if not stages and not channels:
      raise ValueError(f'--config.systems={settings.wanted}: there is none of '
                       f'these for {source} queries')
    return systems.Answering(
        self.searcher, channels, stages,
        oracle if settings.wants(systems.ORACLE) else None)

  def _channels(self, source: str,
                settings: Settings) -> dict[str, systems.Channel]:
    learned = float(np.exp(self.trained.params[f'log_temperature_{source}']))
    temperature = {'image': learned, 'location': learned,
                   'raw': settings.raw_temperature}
    return {name: systems.Channel(settings.list_size, temperature[channel])
            for name, channel in systems.OF_CHANNEL.items()
            if channel in self.searcher.channels and settings.wants(name)}


def load_rerankers(source: str,
                   paths: Sequence[str | pathlib.Path]) -> Rerankers:
  """By system; refuses one of another task, and two of one system."""
  rerankers = {}
  for path in paths:
    trained = files.load(path)
    name = system_of(trained)
    if trained.info.task != source:
      raise ValueError(f'{path} reranks {trained.info.task} queries, it is '
                       f'named in --config.rerankers.{source}')
    if name in rerankers:
      raise ValueError(f'--config.rerankers.{source}: {path} is the second '
                       f'{name!r}: name only one of them')
    rerankers[name] = trained
  return rerankers


def system_of(trained: files.Trained) -> str:
  """What results.json calls a reranker."""
  if trained.kind == 'light':
    return 'light'
  return 'full' if trained.model.use_support else 'full_no_support'


def gallery_name(gallery: galleries.Gallery, source: types.Source) -> str:
  """What results.json calls a gallery, seen from queries of that source."""
  mode = gallery.manifest['mode']
  if mode == 'combined':
    return mode
  return 'same_source' if mode == source else 'other_source'


def best(names: Iterable[str]) -> str:
  """The system whose answers count, of those there are."""
  return next(name for name in ORDER if name in names)
