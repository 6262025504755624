"""A reranker of one task: queries of one source, on a gallery of both.

Command:  python -m experiments.train_reranker \
            --config=train_reranker --workdir=R \
            --config.embedder=W/model --config.gallery=G \
            --config.stores.photo=PHOTO_STORE
          and again with :task=street and --config.stores.street; the light
          reranker with :kind=light.
Hardware: an accelerator for the full attention size; a CPU for the light one.
          Hours: steps ÷ the rate that the first lines print.
Expect:   on Synthetic Earth, quick, against fused retrieval: docs/reranking.md.
Quick:    width 64, two layers, short lists: seconds on two cores.
"""

from experiments.configs import common
from experiments.sweeps import overrides
from ml_collections import config_dict

BINARY = 'train_reranker'


def sweep() -> overrides.Sweep:
  """Learning rate, and whether the network corrects the fusion or replaces
  it."""
  return overrides.product({'optimizer.learning_rate': (3e-4, 1e-3),
                            'objective.residual': (True, False)})


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The full size of a kind; `quick` shrinks all that costs."""
  arg = common.parse_arg(arg, quick=False, seed=0, kind='attention',
                         task='photo')
  if arg.kind not in ('attention', 'light'):
    raise ValueError(f'kind={arg.kind}: choices are attention, light')
  light = arg.kind == 'light'
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.task, config.kind = arg.task, arg.kind
  config.embedder = ''  # Folder that train_embedder exported.
  config.gallery = ''  # Folder that build_gallery made with it.
  # Feature stores of the embedder's training; the task's are read.
  config.stores = config_dict.ConfigDict({'photo': '', 'street': ''})
  # The reranker learns from rows that the embedder held out: embedder_split as
  # in its own config; or from photos 'apart' from embedder and gallery; or from
  # 'all' rows, also those the embedder has seen.
  config.queries = 'held_out'
  config.embedder_split = config_dict.ConfigDict({
      'validation_percent': 1.0, 'folds': {'count': 0, 'index': 0}})
  config.max_queries = 2400 if arg.quick else 200_000
  # Of the authors and sequences of these queries.
  config.validation_percent = 10.0
  # Where to keep them; '' is the workdir. Runs of one kind that differ only in
  # model, objective or optimizer may share a folder.
  config.shortlists = ''
  config.examples = _examples(light, arg.quick)
  # Or index: training examples are found by the gallery's index, and its
  # recall is printed; held-out queries always search exactly.
  config.search = 'exact'
  # Of the kernel ridge beside the similarities, ours; centres=0: without it.
  config.geo_prior = config_dict.ConfigDict({'centres': 1024, 'anchors': 2048})
  config.model = _light(arg.quick) if light else _attention(arg.quick)
  config.objective = config_dict.ConfigDict({
      'loss': 'expected_reward',  # Or pairwise_margin.
      'margin': 1.0,
      'within_1km': 0.2,
      'within_25km': 0.4,
      'residual': True,
      'ema': 0.99 if arg.quick else 0.999,
  })
  config.optimizer = common.adamw(
      0.05, ('norm', 'bias', 'kinds', 'support_none'))
  config.data = config_dict.ConfigDict({
      'batch_size': 128 if arg.quick else 1024,
      'num_threads': 2,
      'read_ahead': 4,
  })
  config.train = common.train(num_steps=300 if arg.quick else 8000)
  config.keep = config_dict.ConfigDict(
      {'last': 3, 'every_steps': 0, 'every_hours': 0.0})
  config.eval = config_dict.ConfigDict({
      'every': 0 if arg.quick else 1000, 'max_queries': 2000})
  config.mesh = config_dict.ConfigDict({'data': -1, 'fsdp': 1})
  config.tensorboard = False
  return config


def _examples(light: bool, quick: bool) -> config_dict.ConfigDict:
  few = (32, 32, 32) if quick else (256, 256, 256)
  sizes = few if light else (8, 2, 2)
  return config_dict.ConfigDict({
      'sizes': dict(zip(('image', 'location', 'raw'), sizes)),
      'rounds': 4,
      'radii_km': (0.0, 0.1, 1.0),
      # A light list is long: it ends in far rows by itself, and a feature of
      # one candidate depends on the others.
      'deep_negatives': 0 if light else 4,
      'leave_one_out': True,  # False only to show what it is for.
  })


def _attention(quick: bool) -> config_dict.ConfigDict:
  return config_dict.ConfigDict({
      'width': 64 if quick else 512,
      'num_layers': 2 if quick else 4,
      'num_heads': 4 if quick else 8,
      'expansion': 2 if quick else 4,
      'dropout': 0.1,
      'use_raw': True,
      'use_location': True,
      'use_support': True,
      'strict_independent': True,
      'set_layers': 1,
      'support_temperature': 0.05,
      'cls_only': True,
      'dtype': 'float32',  # Or bfloat16.
  })


def _light(quick: bool) -> config_dict.ConfigDict:
  del quick  # It is small.
  return config_dict.ConfigDict(
      {'widths': (64, 64), 'dropout': 0.1, 'dtype': 'float32'})
