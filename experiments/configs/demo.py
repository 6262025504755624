"""Synthetic Earth end to end, version 5: every system, and each part left out.

Command:  make demo
          python -m experiments.demo --config=demo \
            --workdir=runs/demo
Hardware: two CPU cores, 8 GB of memory. Time: about 12 minutes.
Expect:   see docs/results/demo.md; the same figures on every machine of one
          kind.
Quick:    --config=demo:quick   (the tiny world, seconds)
"""

from typing import Any

from experiments.configs import common, train_embedder, train_reranker
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The demo; `quick` shrinks the world to the size that tests use."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.world_size = 'tiny' if arg.quick else 'demo'
  config.processes = 2
  # Trainings and evaluations at a time; 0: one after the other, in the open.
  config.jobs = 0 if arg.quick else 2
  config.decode_processes = 0 if arg.quick else 2  # 0: none to start.
  config.backbone = 'demo'  # 'thumbnail' is the floor: nothing is learned.
  config.preprocess = ''  # '' takes the backbone's own.
  config.embedder = _embedder(arg.quick)
  # By what they learn from; one source alone and GeoCLIP's way to compare.
  config.embedders = ('both',) if arg.quick else (
      'both', 'photo', 'street', 'geoclip_style')
  config.geoclip_style = config_dict.ConfigDict(
      train_embedder.geoclip_style(64 if arg.quick else 128, 64,
                                   64 if arg.quick else 512))
  config.attention = _reranker('attention', arg.quick)
  config.light = _reranker('light', arg.quick)
  config.rerankers = config_dict.ConfigDict(_rerankers(arg.quick))
  config.filters = ('none', 'author')
  config.distance = 'haversine'
  config.num_resamples = 100 if arg.quick else 1000
  return config


def _embedder(quick: bool) -> config_dict.ConfigDict:
  """Small towers; how they were chosen see docs/training.md."""
  config = train_embedder.get_config('quick')
  config.objective.targets.kind = 'soft'
  config.objective.targets.tau_km = 100.0
  # No row is kept back: the rerankers have photos of their own.
  config.validation_percent = 0.0
  config.eval.max_queries = 0  # The table is the evaluation.
  config.train.num_steps = 30 if quick else 800
  config.train.log_every = 250
  config.train.save_every = 0
  if quick:
    config.data.batch_size = 64
  return config


def _reranker(kind: str, quick: bool) -> config_dict.ConfigDict:
  config = train_reranker.get_config(f'quick,kind={kind}')
  config.examples.rounds = 1
  config.max_queries = 3000
  config.train.log_every = 100
  config.train.save_every = 0
  if kind == 'attention':
    config.examples.sizes = {'image': 8, 'location': 4, 'raw': 4}
    # 2,700 examples: at 1e-3 the network overfits.
    config.optimizer.learning_rate = 1e-4
    config.data.batch_size = 64
    config.train.num_steps = 60
    config.examples.deep_negatives = 2
  if quick:
    config.max_queries = 100
    config.data.batch_size = 16
    config.train.num_steps = 10
    config.geo_prior = {'centres': 32, 'anchors': 64}
  return config


def _rerankers(quick: bool) -> dict[str, Any]:
  """Kind, name in the ablation table, and what differs from the kind."""
  def one(kind: str, variant: str = '', **changes: Any) -> dict[str, Any]:
    return {'kind': kind, 'variant': variant, 'changes': changes}
  variants = {'light': one('light'), 'full': one('attention')}
  if quick:
    return variants
  return variants | {
      'full_no_support': one('attention', model={'use_support': False}),
      'no_location': one('attention', 'no location channel',
                         model={'use_location': False},
                         examples={'sizes': {'location': 0}}),
      'no_raw': one('attention', 'no raw channel', model={'use_raw': False},
                    examples={'sizes': {'raw': 0}}, geo_prior={'centres': 0}),
      'no_prior': one('attention', 'no prior', geo_prior={'centres': 0}),
      'set_aware': one('attention', 'set-aware',
                       model={'strict_independent': False})}
