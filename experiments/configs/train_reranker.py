"""A reranker of one task: queries of one source, on a gallery of both.

Command:  python -m experiments.train_reranker \
            --config=train_reranker --workdir=R \
            --config.embedder=W/model --config.gallery=G \
            --config.stores.photo=PHOTO_STORE
          and again with :task=street and --config.stores.street; the
          interaction reranker with :kind=interaction, the light one with
          :kind=light, the paper's own form with :kind=pinpoint (attention,
          pairwise margin, 8/2/2, no columns, nothing beside the network).
Hardware: an accelerator for the full attention size; a CPU for the light one.
          Hours: steps ÷ the rate that the first lines print.
Expect:   on Synthetic Earth, quick, against fused retrieval: docs/reranking.md.
Quick:    width 64, two layers, short lists: seconds on two cores.
Pods:     `:bf16` computes in bfloat16 (parameters stay float32), `:fsdp=8`
          divides the weights among 8 neighbours: as many as it has heads.
"""

from experiments.configs import common
from experiments.sweeps import overrides
from ml_collections import config_dict

BINARY = 'train_reranker'
KINDS = ('attention', 'interaction', 'light', 'pinpoint')


def sweep() -> overrides.Sweep:
  """Learning rate, and whether the network corrects the fusion or replaces
  it."""
  return overrides.product({'optimizer.learning_rate': (3e-4, 1e-3),
                            'objective.residual': (True, False)})


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The full size of a kind; `quick` shrinks all that costs.

  `pinpoint` is the attention reranker in the paper's own form.
  """
  arg = common.parse_arg(arg, quick=False, seed=0, kind='attention',
                         task='photo', bf16=False, fsdp=1)
  if arg.kind not in KINDS:
    raise ValueError(f'kind={arg.kind}: choices are {", ".join(KINDS)}')
  light, paper = arg.kind == 'light', arg.kind == 'pinpoint'
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.task = arg.task
  config.kind = 'attention' if paper else arg.kind
  # What results.json calls it; '' is its kind.
  config.system = 'full_pairwise' if paper else ''
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
  # Where to keep what the priors below were fitted to; '' is beside the
  # examples. Runs that differ in their examples may share it.
  config.priors = ''
  config.examples = _examples(light, arg.quick)
  if paper:
    config.examples.search_source = 'same'
    config.examples.order = 'similarity'
  # Or index: training examples are found by the gallery's index, and its
  # recall is printed; held-out queries always search exactly.
  config.search = 'exact'
  # Groups of columns.GROUPS: in the linear part of the score, and inputs of
  # the network: density, own and other (what lies near a candidate, by source),
  # hubness, region and ridge (priors, ours). The light one reads no neighbours.
  config.columns = () if paper else (
      ('density', 'region') if light else
      ('density', 'own', 'other', 'hubness', 'region'))
  # Sizes of the priors that examples have columns of; 0: none.
  config.region = config_dict.ConfigDict({'cells': 0 if paper else 1024})
  config.ridge = config_dict.ConfigDict({'centres': 0, 'anchors': 2048})
  config.model = MODELS[config.kind](arg.quick)
  config.model.dtype = 'bfloat16' if arg.bf16 else 'float32'
  if paper:
    config.model.products = False
  config.objective = config_dict.ConfigDict({
      # expected_reward, pairwise_margin (the paper's) or plackett_luce.
      'loss': 'pairwise_margin' if paper else 'expected_reward',
      'margin': 1.0,
      'within_1km': 0.2,
      'within_25km': 0.4,
      'second_order': 1.0,
      'residual': not paper,
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
  config.mesh = config_dict.ConfigDict({'data': -1, 'fsdp': arg.fsdp})
  config.distributed = common.distributed()
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
      # Or same: as in the paper, only the task's own source is searched, and
      # the other one is support.
      'search_source': 'both',
      # Or similarity: lists are cut by similarity alone, as in the paper.
      'order': 'similarity' if light else 'region',
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
      'products': True,
      'strict_independent': True,
      'set_layers': 1,
      'support_temperature': 0.05,
      'cls_only': True,
  })


def _light(quick: bool) -> config_dict.ConfigDict:
  del quick  # It is small.
  return config_dict.ConfigDict(
      {'widths': (64, 64), 'dropout': 0.1})


def _interaction(quick: bool) -> config_dict.ConfigDict:
  return config_dict.ConfigDict({
      'projections': 64 if quick else 256,
      'hidden': 96 if quick else 384,
      'dropout': 0.1,
      'use_raw': True,
      'use_location': True,
      'use_support': False,  # The columns own and other say it.
      'support_temperature': 0.05,
  })


MODELS = {'attention': _attention, 'interaction': _interaction,
          'light': _light}
