"""A benchmark from the files its owners publish to a table, as one chain.

Command:  python -m experiments.reproduce --config=NAME --workdir=runs/NAME
          NAME: im2gps3k, yfcc4k, osv5m, commons26 or synthetic, each a config
          of its own; or --config=reproduce:NAME. --plan lists the stages with
          their state, disk, memory and hours; --subset=N takes N photos of
          each data set.
Hardware: docs/benchmarks.md; synthetic: two CPU cores.
Expect:   the docstring of each config.
Quick:    small networks, few steps: what two cores can do with --subset=1000.
"""

from collections.abc import Mapping
from typing import Any

from experiments.configs import (
  build_gallery,
  common,
  demo,
  evaluate,
  extract_features,
  train_embedder,
  train_reranker,
)
from experiments.sweeps import overrides
from ml_collections import config_dict

BINARY = 'reproduce'
# What its queries are, by the name of a benchmark of published data.
TASKS = {'im2gps3k': 'photo', 'yfcc4k': 'photo', 'osv5m': 'street',
         'commons26': 'photo'}
# What the chain itself says of each stage; each is one process.
FILLED_IN = {
    'extract': ('data', 'host', 'num_hosts', 'backbone'),
    'embedder': ('stores', 'seed', 'folds', 'distributed'),
    'gallery': ('model', 'stores', 'distributed'),
    'reranker': ('embedder', 'gallery', 'stores', 'task', 'seed', 'queries',
                 'embedder_split', 'shortlists', 'priors', 'distributed'),
    'evaluate': ('model', 'gallery', 'queries', 'names', 'rerankers',
                 'search_source', 'seed', 'distributed')}


def sweep(arg: str | None = None) -> overrides.Sweep:
  """Hard or soft targets of the embedder, two seeds: what it costs to know."""
  del arg  # Of every benchmark the same.
  return overrides.product({
      'embedder.objective.targets.kind': ('hard', 'soft'),
      'seed': (0, 1)})


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The chain of one benchmark, `synthetic` where none is named."""
  arg = common.parse_arg(arg, quick=False, seed=0, im2gps3k=False, yfcc4k=False,
                         osv5m=False, commons26=False, synthetic=False)
  named = [name for name in (*TASKS, 'synthetic') if arg[name]]
  if len(named) > 1:
    raise ValueError(f'{" and ".join(named)}: name one benchmark')
  if named and named[0] in TASKS:
    return published(named[0], arg.quick, arg.seed)
  return synthetic(arg.quick, arg.seed)


def published(name: str, quick: bool = False,
              seed: int = 0) -> config_dict.ConfigDict:
  """One of TASKS, answered from MP16-Pro and OSV-5M."""
  task, config = TASKS[name], _begun(name, seed)
  # A name or a folder, as extract_features has it.
  config.backbone = 'demo' if quick else 'siglip2'
  # Reader and folder of each data set; tfds:NAME for what prepare_tfds wrote.
  config.data = config_dict.ConfigDict({
      'mp16_pro': {'name': 'mp16_pro', 'root': 'data/mp16_pro', 'split': ''},
      'osv5m_train': {'name': 'osv5m', 'root': 'data/osv5m', 'split': 'train'}})
  config.data[name] = config_dict.ConfigDict({
      'name': name, 'root': f'data/{name}',
      'split': 'test' if name == 'osv5m' else ''})
  # Which of them the gallery holds, by source; what queries are taken from.
  config.gallery_sets = config_dict.ConfigDict(
      {'photo': 'mp16_pro', 'street': 'osv5m_train'})
  config.query_sets = (name,)
  # What rerankers learn from: '' is what the embedder held out.
  config.rerank_sets = config_dict.ConfigDict({'photo': '', 'street': ''})
  config.extract = extract_features.get_config()
  config.extract.dtype = 'float32' if quick else 'bfloat16'
  if quick:
    config.extract.processes = 0
  size = 'quick' if quick else ''
  config.embedder = train_embedder.get_config(size)
  config.gallery = build_gallery.get_config(size)
  config.rerankers = config_dict.ConfigDict({
      kind: train_reranker.get_config(f'kind={kind},quick={quick}')
      for kind in ('pinpoint', 'interaction')})
  # The paper: photos search photos, street views search both sources.
  config.rerankers.pinpoint.examples.search_source = (
      'same' if task == 'photo' else 'both')
  if quick:
    config.gallery.index = 'none'
    config.embedder.validation_percent = 20.0
    for reranker in config.rerankers.values():
      reranker.region.cells = min(reranker.region.cells, 64)
  return _ended(config, quick, {task: 'full_pairwise'})


def synthetic(quick: bool = False, seed: int = 0) -> config_dict.ConfigDict:
  """Synthetic Earth at feature level, as the demo has it."""
  model = demo.get_config(f'quick={quick},seed={seed}')
  config = _begun('synthetic', seed)
  config.backbone = ''  # Its features have no pixels behind them.
  # A split each, of the world below.
  config.data = config_dict.ConfigDict({
      split: {'name': 'feature_earth', 'root': '', 'split': split}
      for split in ('gallery_photo', 'gallery_street', 'rerank_photo',
                    'rerank_street', 'query_photo_known', 'query_photo_new',
                    'query_street')})
  config.world = config_dict.ConfigDict(
      {'variant': model.world.variant, 'size': model.world.size})
  config.gallery_sets = config_dict.ConfigDict(
      {'photo': 'gallery_photo', 'street': 'gallery_street'})
  config.query_sets = ('query_photo_known', 'query_photo_new', 'query_street')
  # Photos that lie in no gallery.
  config.rerank_sets = config_dict.ConfigDict(
      {'photo': 'rerank_photo', 'street': 'rerank_street'})
  config.embedder = model.embedder
  config.gallery = build_gallery.get_config()
  config.gallery.index = 'none'
  config.rerankers = config_dict.ConfigDict(
      {kind: model[kind] for kind in ('light', 'interaction')})
  return _ended(config, quick, {'photo': 'light', 'street': 'light'})


def _begun(name: str, seed: int) -> config_dict.ConfigDict:
  """What every chain has."""
  config = config_dict.ConfigDict()
  config.seed = seed
  config.benchmark = name
  # Photos of each data set, spread evenly over it; 0: all. Also --subset.
  config.subset = 0
  # Where stages are kept, so that runs share those that they have in common;
  # '' is the folder `stages` beside the workdir.
  config.stages = ''
  # Searches that are evaluated: the query's own source alone (the paper's
  # photo task), and both (its street task).
  config.search_sources = ('same', 'both')
  return config


def _ended(config: config_dict.ConfigDict, quick: bool,
           fusion: Mapping[str, str]) -> config_dict.ConfigDict:
  """With the evaluation, without what the chain fills in."""
  config.evaluate = evaluate.get_config('quick' if quick else '')
  config.evaluate.fusion.update(fusion)
  parts: dict[str, Any] = {name: [config[name]] for name in FILLED_IN
                           if name in config}
  parts['reranker'] = config.rerankers.values()
  for name, configs in parts.items():
    for part in configs:
      for key in FILLED_IN[name]:
        if key in part:
          del part[key]
  return config
