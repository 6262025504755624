"""Synthetic Earth end to end, version 6: every system, and each part left out.

Command:  make demo
          python -m experiments.demo --config=demo --workdir=runs/demo
          make seeds   (three worlds at full size, :full)
Hardware: two CPU cores, 6 GB of memory. Time: about 7 minutes; at full size
          about a quarter of an hour a seed.
Expect:   see docs/results/demo.md; the same figures on every machine of one
          kind.
Full:     --config=demo:full   48,000 examples and 10,000 queries a source;
          :full,ablations leaves out one part of the reranker after the other;
          :full,sources says what a second source is worth and no more, with
          variant=sparse in a world whose photos are few; :full,trained has an
          embedder that is trained instead of solved.
Pixels:   --config=demo:pixels   the same world, drawn: JPEGs, the features of
          the small ConvNet that is shipped, then the same.
Quick:    --config=demo:quick  (the tiny world, seconds), or :quick,pixels
"""

from typing import Any

from experiments.configs import common, train_embedder, train_reranker
from ml_collections import config_dict

_COLUMNS = ('density', 'own', 'other', 'hubness', 'region')


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The demo; `quick` shrinks the world to the size that tests use."""
  arg = common.parse_arg(arg, quick=False, full=False, ablations=False,
                         sources=False, trained=False, pixels=False,
                         variant='default', seed=0)
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.world = config_dict.ConfigDict({
      'kind': 'pixels' if arg.pixels else 'features',
      'variant': arg.variant,
      'size': 'tiny' if arg.quick else 'full' if arg.full else 'demo'})
  # Of drawn worlds alone.
  config.pixels = config_dict.ConfigDict({
      'backbone': 'demo',  # 'thumbnail' is the floor: nothing is learned.
      'preprocess': '',  # '' takes the backbone's own.
      # That draw and decode; 0: none to start.
      'processes': 0 if arg.quick else 2})
  # Trainings and evaluations at a time; 0: one after the other, in the open.
  config.jobs = 0 if arg.quick else 2
  config.embedder = _embedder(arg)
  # By what they learn from; one source alone and GeoCLIP's way to compare.
  config.embedders = _embedders(arg)
  config.geoclip_style = config_dict.ConfigDict(
      train_embedder.feature_earth_peer(arg.quick))
  # Examples of all rerankers but the light one; `ideal` chooses from these.
  config.examples = config_dict.ConfigDict({
      'sizes': {'image': 8, 'location': 2, 'raw': 2}})
  for kind in ('interaction', 'attention', 'light'):
    config[kind] = _reranker(kind, arg, config.examples)
  config.rerankers = config_dict.ConfigDict(_rerankers(arg))
  # The paper's way too: only the query's own source is searched.
  config.same_source = not (arg.quick or arg.ablations)
  config.filters = ('none', 'author')
  config.distance = 'haversine'
  config.num_resamples = 100 if arg.quick else 1000
  return config


def _embedders(arg: config_dict.ConfigDict) -> tuple[str, ...]:
  if arg.quick or arg.ablations:
    return ('both',)
  alone = ('photo', 'street') if arg.full or arg.sources else ()
  return ('both', *alone, *(() if arg.sources else ('geoclip_style',)))


def _embedder(arg: config_dict.ConfigDict) -> config_dict.ConfigDict:
  """Small towers; how they were chosen see docs/training.md."""
  config = train_embedder.get_config('quick')
  if arg.trained:
    config.objective.loss = 'softmax'
    config.objective.targets = {'kind': 'soft', 'near_km': 0.2, 'tau_km': 10.}
    config.optimizer.learning_rate = 3e-3
    config.train.num_steps = 30 if arg.quick else 2400
  else:
    config.update(train_embedder.feature_earth(arg.quick))
  # No row is kept back: the rerankers have photos of their own.
  config.validation_percent = 0.0
  config.eval.max_queries = 0  # The table is the evaluation.
  config.train.log_every = 250
  config.train.save_every = 0
  if arg.quick:
    config.data.batch_size = 64
  return config


def _reranker(kind: str, arg: config_dict.ConfigDict,
              examples: config_dict.ConfigDict) -> config_dict.ConfigDict:
  config = train_reranker.get_config(f'quick,kind={kind}')
  # The light one is small: more teach it nothing.
  config.max_queries = 12_000 if kind == 'light' else 60_000
  config.examples.rounds = 1
  if kind != 'light':
    config.examples.sizes = examples.sizes.copy_and_resolve_references()
    config.examples.deep_negatives = 2
    config.columns = _COLUMNS
  config.region.cells = 32 if arg.quick else 1024
  config.data.batch_size = 64
  # 10,800 examples are learned in a quarter of the steps of 43,200.
  full, small = {'interaction': (4000, 1000), 'attention': (1000, 500),
                 'light': (1000, 500)}[kind]
  config.train.num_steps = full if arg.full else small
  config.train.log_every = 500
  config.train.save_every = 0
  # Early stopping: what was best on held-out examples is exported.
  config.train.best = 'validation/reward'
  config.eval.every = 500 if arg.full else 250
  if arg.quick:
    config.max_queries = 100
    config.data.batch_size = 16
    config.train.num_steps = 10
    config.eval.every = 5
  return config


def _rerankers(arg: config_dict.ConfigDict) -> dict[str, Any]:
  """Kind, name in the ablation table, and what differs from the kind."""
  def reranker(kind: str, variant: str = '', **changes: Any) -> dict[str, Any]:
    return {'kind': kind, 'variant': variant, 'embedder': 'both',
            'changes': changes}
  without = lambda group: {
      'columns': tuple(name for name in _COLUMNS if name != group)}
  whole = {'light': reranker('light'), 'interaction': reranker('interaction')}
  if arg.sources:
    return whole
  support = {'full_no_support': reranker('interaction', **without('other'))}
  if not (arg.full or arg.ablations):
    return whole | support
  if arg.ablations:
    return whole | support | {
        'attention': reranker('attention'),
        'no_own': reranker('interaction', 'no own source', **without('own')),
        'no_region': reranker('interaction', 'no region', **without('region')),
        'no_hubness': reranker('interaction', 'no hubness',
                               **without('hubness')),
        'no_density': reranker('interaction', 'no density',
                               **without('density')),
        'no_columns': reranker('interaction', 'no columns', columns=()),
        'ranked': reranker('interaction', 'Plackett–Luce loss', objective={
            'loss': 'plackett_luce', 'second_order': 1.0}),
        'no_region_lists': reranker('interaction', 'lists by similarity',
                                    examples={'order': 'similarity'})}
  # The paper's own form; it learns from a quarter of the examples.
  return whole | support | {'full_pairwise': reranker(
      'attention', columns=(), model={'products': False}, region={'cells': 0},
      examples={'search_source': 'same', 'order': 'similarity'},
      objective={'loss': 'pairwise_margin', 'residual': False},
      max_queries=12_000)}
