"""Every system over one gallery, opened from what is on disk."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import functools
import pathlib

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import stages as stage_lib
from pinpoint_jax.answer import systems
from pinpoint_jax.candidates import queries, searcher, shortlist
from pinpoint_jax.features import store
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.gallery import neighbours, region_text, regions
from pinpoint_jax.models import embedder_files, encoding
from pinpoint_jax.parallel import processes
from pinpoint_jax.rerank import channel_lists, files, fusion, inputs
from pinpoint_jax.rerank import ranker as reranking

# The best first: the one whose answers are written down.
ORDER = ('full', 'interaction', 'attention', 'full_no_support', 'light',
         'full_pairwise', 'linear', 'retrieval', 'region_prior',
         'location_top1', 'image_top1', 'raw_1nn')
# What may be called `full`: the rerankers with all that they may read.
_KINDS = ('interaction', 'attention')
# Candidates of a channel's systems where no number is given.
_LIST_SIZE = 256
# By the name of the system.
Rerankers = Mapping[str, files.Trained]


@dataclasses.dataclass(frozen=True)
class Settings:
  """How deep systems look, and what their similarities mean.

  Attributes:
    list_size: candidates of the systems of one channel; 0 is 256, or all rows
      of a smaller gallery.
    raw_temperature: of raw cosines, where no reranker brings one; the embedder
      has none for them.
    sizes: shortlist of `retrieval`, where no reranker brings its own.
    weights: of the channels in `retrieval`, or the system of the reranker
      whose weights and shortlist it takes; '' is the rerankers' where all have
      the same.
    wanted: systems that answer; none named is all.
  """

  list_size: int
  raw_temperature: float
  sizes: shortlist.Sizes
  weights: fusion.Fusion | str = ''
  wanted: tuple[str, ...] = ()

  def wants(self, name: str) -> bool:
    """Whether that system is to answer."""
    return not self.wanted or name in self.wanted


class OpenGallery:
  """An embedder and a gallery that it made, ready to be searched."""

  def __init__(self, model: str | pathlib.Path | embedder_files.Trained,
               gallery: str | pathlib.Path, search: str = 'exact',
               together: bool = False):
    """Refuses a gallery of another embedder; search is in searcher.SEARCHES.

    model: an embedder, or the directory of one.
    together: all processes search the gallery, each its part of the rows.
    """
    self.search, self._together = search, together
    trained = (model if isinstance(model, embedder_files.Trained) else
               embedder_files.load(model))
    self.trained = dataclasses.replace(
        trained, params=encoding.place(trained.params))
    self.gallery = galleries.open_gallery(gallery, self.trained)
    self.searcher = searcher.open_searcher(self.gallery, search, together)
    self._encoder = encoding.Encoder(
        self.trained.model, encoding.FEW)

  @functools.cached_property
  def reader(self) -> inputs.Reader:
    """The gallery as rerankers read it."""
    return inputs.Reader(self.gallery, neighbours.load_or_build(self.gallery))

  @functools.cached_property
  def refits(self) -> reranking.Refits:
    """Priors that rerankers had to fit again, shared by them."""
    return reranking.Refits(self.reader)

  def queries(self, features: store.FeatureStore) -> shortlist.Queries:
    """A store's photos as vectors; refuses features made otherwise."""
    vectors = queries.encode_store(self.trained, features, self._encoder,
                                   'raw' in self.searcher.channels)
    if not self._together:
      return vectors
    # They are asked of all processes at once: to the last bit the same.
    return shortlist.Queries(*processes.from_first(
        (vectors.z_image, vectors.raw)))

  def rows_in(self, region: str) -> Int[np.ndarray, 'a']:
    """Live rows of a region as a user writes it; there may be none."""
    rows = self._regions.rows(region_text.parse(region))
    return np.setdiff1d(rows, self.gallery.removed)

  def region(self, text: str) -> Int[np.ndarray, 'a'] | None:
    """The same, refusing a region without a row; '' is everywhere: None."""
    if not text:
      return None
    rows = self.rows_in(text)
    if not len(rows):
      raise ValueError(f'region {text!r} holds no row of {self.gallery.path}: '
                       f'there is nothing to answer with')
    return rows

  @functools.cached_property
  def _regions(self) -> regions.RegionIndex:
    return regions.RegionIndex(self.gallery.latlng_deg, self.gallery.countries,
                               self.gallery.admin1)

  def answering_for(self, source: str, rerankers: Rerankers,
                    settings: Settings) -> systems.Answering:
    """Every system there is for queries of one source."""
    stages = {}
    for name, trained in rerankers.items():
      ranker = reranking.Ranker(self.reader, trained, self.refits)
      stages[name] = stage_lib.Stage(ranker.sizes, ranker)
    self._check_list_size(settings)
    fused = _fused(source, rerankers, settings)
    if fused is not None:
      stages['retrieval'] = fused
    channels = self._channels(source, settings, rerankers)
    best = best_of(rerankers)
    if best and rerankers[best].info.region:
      stages['region_prior'] = stage_lib.Stage(
          shortlist.Sizes(0, 0, min(channel_lists.DEPTH, len(self.gallery))),
          reranking.RegionPrior(stages[best].scorer,
                                rerankers[best].info.region))
    if not (settings.wants(systems.FULL) or settings.wants(systems.LINEAR)):
      best = ''
    wanted = {name: stage for name, stage in stages.items()
              if settings.wants(name) or name == best}
    if not wanted and not channels:
      raise ValueError(f'--config.systems={settings.wanted}: there is none of '
                       f'these for {source} queries')
    bounded = [stage.sizes for name, stage in (wanted or stages).items()
               if name != 'region_prior']
    return systems.Answering(
        self.searcher, channels, wanted, (bounded or [settings.sizes])
        if settings.wants(systems.ORACLE) else (),
        self.reader if rerankers else None, source, best, settings.wanted)

  def _check_list_size(self, settings: Settings) -> None:
    if settings.list_size > len(self.gallery):
      raise ValueError(
          f'--config.list_size={settings.list_size}: {self.gallery.path} has '
          f'{len(self.gallery):,} rows: give at most that many')

  def _channels(self, source: str, settings: Settings,
                rerankers: Rerankers) -> dict[str, stage_lib.Channel]:
    learned = float(np.exp(self.trained.params[f'log_temperature_{source}']))
    temperature = {'image': learned, 'location': learned,
                   'raw': settings.raw_temperature}
    for trained in rerankers.values():  # The same for all of one gallery.
      temperature |= trained.info.temperatures
    size = settings.list_size or min(_LIST_SIZE, max(1, len(self.gallery)))
    return {name: stage_lib.Channel(size, temperature[channel])
            for name, channel in systems.OF_CHANNEL.items()
            if channel in self.searcher.channels and settings.wants(name)}


def _fused(source: str, rerankers: Rerankers,
           settings: Settings) -> stage_lib.Stage | None:
  """`retrieval` by the weights that are named; None where there are none."""
  if isinstance(settings.weights, fusion.Fusion):
    return stage_lib.Stage(settings.sizes, stage_lib.Fused(settings.weights))
  if not settings.wants('retrieval'):
    return None
  name = settings.weights
  if name and name not in rerankers:
    raise ValueError(f'--config.fusion.{source}={name}: choices are '
                     f'{sorted(rerankers)}, or three weights: image, location, '
                     f'raw')
  # Weights belong to the shortlists that they were fitted on.
  stages = {other: (trained.info.fusion, trained.info.sizes)
            for other, trained in rerankers.items()
            if other == name or not name}
  if not stages:
    return None
  first, (weights, sizes) = next(iter(stages.items()))
  if any(dict(w) != dict(weights) or dict(k) != dict(sizes)
         for w, k in stages.values()):
    raise ValueError(
        f'{sorted(stages)} have different fusion weights: name those of '
        f'`retrieval` by --config.fusion.{source}={first}, or give three: '
        f'image, location, raw')
  return stage_lib.Stage(shortlist.Sizes(**sizes), stage_lib.Fused(
      fusion.Fusion(**weights), first))


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
  return trained.info.system or trained.kind


def best_of(rerankers: Rerankers) -> str:
  """The one that is `full`: the highest reward on held-out examples."""
  rewards = {name: trained.info.validation.get('reward', -np.inf)
             for name, trained in rerankers.items() if name in _KINDS}
  return max(rewards, key=rewards.get) if rewards else ''


def gallery_name(gallery: galleries.Gallery, source: types.Source) -> str:
  """What results.json calls a gallery, seen from queries of that source."""
  mode = gallery.manifest['mode']
  if mode == 'combined':
    return mode
  return 'same_source' if mode == source else 'other_source'


def best(names: Iterable[str]) -> str:
  """The system whose answers count, of those there are."""
  return next(name for name in ORDER if name in names)
