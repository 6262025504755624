"""The stages of a chain as data: a binary, its config, what it takes from whom.

  data ─▶ features ─▶ embedder ─▶ gallery ─▶ rerankers ─▶ figures

A stage lives in a folder named by its recipe: its config, its data's files and
the recipes of what it takes. Another config is another folder, so nothing is
ever overwritten, and runs that agree in a stage share it.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

from experiments.run import config_file
from input_pipeline import open_source
from input_pipeline.datasets import published
from ml_collections import config_dict
from pinpoint_jax import types

# Entries that say how a stage runs, not what comes out of it.
_HOW = ('distributed.', 'mesh.', 'keep.', 'tensorboard', 'names', 'processes',
        'host', 'num_hosts', 'data.root', 'train.log_every',
        'train.save_every', 'train.save_minutes')
# What of a folder is handed on, by kind of stage, and the file that changes
# with it.
_PRODUCT = {'features': ('store', 'manifest.json'),
            'world': ('', 'manifest.json'),
            'embedder': ('model', 'fingerprint.json'),
            'gallery': ('', 'manifest.json'),
            'reranker': ('model', 'fingerprint.json'),
            'figures': ('results.json', '')}
# Rows from which a subset's embedder holds out enough for a reranker.
_HELD_OUT = 2000
FEATURE_EARTH = 'feature_earth'


@dataclasses.dataclass(frozen=True)
class Stage:
  """One stage of a chain.

  Attributes:
    kind: a key of _PRODUCT.
    name: its own folder's name, unique in the chain.
    binary: of experiments.
    spec: published config that its command line names, '' for flags alone.
    config: all of it; entries that are paths of other stages are empty.
    takes: stages whose products it takes, by config entry.
    files: names and bytes of the published files that it reads.
  """

  kind: str
  name: str
  binary: str
  spec: str
  config: config_dict.ConfigDict
  takes: Mapping[str, tuple['Stage', ...]] = dataclasses.field(
      default_factory=dict)
  files: tuple[tuple[str, int], ...] = ()

  @functools.cached_property
  def text(self) -> str:
    """What decides what comes out of it, as sorted lines."""
    lines = [line for line in config_file.as_text(self.config).splitlines()
             if not line.startswith(_HOW)]
    lines += [f'{key} takes {stage.name} {stage.recipe}'
              for key, stages in sorted(self.takes.items()) for stage in stages]
    lines += [f'file {name} {size}' for name, size in self.files]
    return '\n'.join(lines) + '\n'

  @functools.cached_property
  def recipe(self) -> str:
    """Content hash of `text`: eight hex digits."""
    about = json.dumps([self.kind, self.name, self.text])
    return hashlib.sha256(about.encode()).hexdigest()[:8]

  def root(self, base: pathlib.Path) -> pathlib.Path:
    """Its folder, which holds what is known of it."""
    return base / f'{self.kind}-{self.recipe}'

  def workdir(self, base: pathlib.Path) -> pathlib.Path:
    """Where its binary works: by the folder's name figures name their set."""
    return self.root(base) / self.name

  def product(self, base: pathlib.Path) -> pathlib.Path:
    """What it hands on."""
    return self.workdir(base) / _PRODUCT[self.kind][0]

  def mark(self, base: pathlib.Path) -> pathlib.Path:
    """A small file that is there, and the same, only if the product is."""
    return self.product(base) / _PRODUCT[self.kind][1]

  def filled_in(self, base: pathlib.Path) -> config_dict.ConfigDict:
    """Its config with the paths of what it takes."""
    config = self.config.copy_and_resolve_references()
    config.update_from_flattened_dict({
        key: ','.join(str(stage.product(base)) for stage in stages)
        for key, stages in self.takes.items()})
    return config


def of(config: config_dict.ConfigDict) -> list[Stage]:
  """All stages, each after those that it takes."""
  features = {name: _features(config, name) for name in config.data}
  by_source = {f'stores.{source}': (features[name],)
               for source, name in config.gallery_sets.items()}
  embedder = _embedder(config, by_source)
  gallery = Stage('gallery', 'gallery', 'build_gallery', 'build_gallery',
                  _with('build_gallery', config.gallery),
                  {'model': (embedder,)} | by_source)
  tasks = _tasks(config)
  rerankers = {task: [_reranker(config, task, kind, features, embedder, gallery)
                      for kind in config.rerankers]
               for task in types.SOURCES if task in tasks.values()}
  figures = [_figures(config, features[name], rerankers[task], source,
                      {'model': (embedder,), 'gallery': (gallery,)}, task)
             for name, task in tasks.items()
             for source in config.search_sources]
  needed = {*config.gallery_sets.values(), *config.query_sets,
            *(name for task, name in config.rerank_sets.items()
              if task in rerankers)}
  return [*(stage for name, stage in features.items() if name in needed),
          embedder, gallery, *(one for some in rerankers.values()
                               for one in some), *figures]


def _tasks(config: config_dict.ConfigDict) -> dict[str, str]:
  """The source of each query set: of street views if its name says so."""
  return {name: 'street' if 'street' in name or name == 'osv5m' else 'photo'
          for name in config.query_sets}


def _features(config: config_dict.ConfigDict, name: str) -> Stage:
  data = config.data[name]
  if data.name == FEATURE_EARTH:
    if config.subset:
      raise ValueError(f'--subset={config.subset}: a made-up world has sizes '
                       f'instead: --config={config.benchmark}:quick')
    about = config_dict.ConfigDict({
        **config.world.to_dict(), 'seed': config.seed, 'splits': data.split})
    return Stage('world', name, 'make_synthetic_features', '', about)
  full = _with('extract_features', config.extract)
  full.backbone = config.backbone
  full.data.update(name=data.name, root=data.root, max_rows=config.subset,
                   evenly=config.subset > 0)
  if data.split:
    full.data.options.split = data.split
  if data.name == 'mp16_pro' and config.subset:
    full.data.options.cut = 'leave_out'
  return Stage('features', name, 'extract_features', 'extract_features', full,
               files=_files(data))


def _files(data: config_dict.ConfigDict) -> tuple[tuple[str, int], ...]:
  plain = data.name.removeprefix(open_source.PREPARED)
  if plain != data.name or plain not in published.names():
    return ()
  return tuple(published.there(plain, data.root, data.split))


def _embedder(config: config_dict.ConfigDict,
              stores: Mapping[str, tuple[Stage, ...]]) -> Stage:
  full = _with('train_embedder', config.embedder)
  full.seed = config.seed
  if config.subset and not any(config.rerank_sets.values()):
    # Of few rows more are held out, or rerankers have nothing to learn from.
    full.validation_percent = max(full.validation_percent, min(
        20.0, 100.0 * _HELD_OUT / config.subset))
  return Stage('embedder', 'embedder', 'train_embedder', 'train_embedder', full,
               stores)


def _reranker(config: config_dict.ConfigDict, task: str, kind: str,
              features: Mapping[str, Stage], embedder: Stage,
              gallery: Stage) -> Stage:
  spec = f'train_reranker:task={task},kind={kind}'
  full = _with(spec, config.rerankers[kind])
  full.seed, full.task = config.seed, task
  apart = config.rerank_sets[task]
  full.queries = 'apart' if apart else 'held_out'
  percent = embedder.config.validation_percent
  full.embedder_split.validation_percent = percent
  if config.subset and not apart:
    # Some are held out, and not every query makes examples.
    examples = int(config.subset * percent / 100) * full.examples.rounds
    full.data.batch_size = min(full.data.batch_size, max(4, examples // 16))
  learns = features[apart or config.gallery_sets[task]]
  return Stage('reranker', f'{kind}_{task}', 'train_reranker', spec, full, {
      'embedder': (embedder,), 'gallery': (gallery,),
      f'stores.{task}': (learns,)})


def _figures(config: config_dict.ConfigDict, queries: Stage,
             rerankers: Sequence[Stage], search_source: str,
             takes: Mapping[str, tuple[Stage, ...]], task: str) -> Stage:
  full = _with('evaluate', config.evaluate)
  full.search_source, full.seed = search_source, config.seed
  data = config.data[queries.name]
  if data.name == 'osv5m':  # Its table has the names of places.
    full.names = str(pathlib.Path(data.root) / f'{data.split}.csv')
  return Stage('figures', f'{queries.name}_{search_source}', 'evaluate',
               'evaluate', full, {**takes, 'queries': (queries,),
                                  f'rerankers.{task}': tuple(rerankers)})


def _with(spec: str, part: config_dict.ConfigDict) -> config_dict.ConfigDict:
  """A binary's whole config: a published one with a part of the chain's."""
  full = config_file.load(spec)
  for name, value in part.items():  # Whole groups: some have other entries.
    if isinstance(value, config_dict.ConfigDict) and name in full:
      full[name].update(value)
    else:
      full[name] = value
  return full


def differences(stage: Stage, base: pathlib.Path) -> dict[str, Any]:
  """Entries of a stage's config that its command line has to set."""
  usual = config_file.flatten(config_file.load(stage.spec))
  return {key: value for key, value
          in config_file.flatten(stage.filled_in(base)).items()
          if key not in usual or usual[key] != value}
