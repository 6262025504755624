"""The embedder of the method, version 1.

Command:  python -m experiments.train_embedder \
            --config=train_embedder --workdir=W \
            --config.stores.photo=MP16 --config.stores.street=OSV5M
          (feature stores of google/siglip2-giant-opt-patch16-384)
Hardware: an accelerator host with the stores (14 GB of fp16 features per 4.7 M
          rows) on a local disk. Hours: 0.06 at the least on 16 chips of v5e,
          computed from the compiled step (docs/pods.md) and not measured; as
          long as it takes to read 600 GB of features.
Expect:   location_top1 near 40 % at 25 km on IM2GPS3k (a co-author's figure).
Quick:    small towers, 200 steps: what tests and the demo can afford.
Pods:     `:bf16` computes in bfloat16 (parameters and the loss's sums stay
          float32), `:fsdp=16` divides the weights among 16 neighbours.
"""

from collections.abc import Mapping
from typing import Any

from experiments.configs import common
from experiments.sweeps import overrides
from ml_collections import config_dict

BINARY = 'train_embedder'
# From continents to a street corner, each level about a third of the last.
CELLS_KM = (5000., 1500., 500., 150., 50., 15., 5., 1.5, 0.5)


def sweep() -> overrides.Sweep:
  """Learning rate against the kind of targets."""
  return overrides.product({
      'optimizer.learning_rate': (3e-4, 1e-3, 3e-3),
      'objective.targets.kind': ('hard', 'soft')})


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The full size; `quick` shrinks all that costs."""
  arg = common.parse_arg(arg, quick=False, seed=0, bf16=False, fsdp=1)
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  # Feature stores; several between commas.
  config.stores = config_dict.ConfigDict({'photo': '', 'street': ''})
  config.validation_percent = 1.0
  # With count > 0 a fold of authors and sequences is held out instead.
  config.folds = config_dict.ConfigDict({'count': 0, 'index': 0})
  config.model = _model(arg.quick, arg.bf16)
  config.objective = config_dict.ConfigDict({
      'loss': 'sigmoid',
      'targets': {'kind': 'hard', 'near_km': 0.2, 'tau_km': 300.0},
      'weights': {'photo': 1.0, 'street': 1.0},
      'chunk': -1,  # All pairs at once where a device has few; or columns.
      # On a TPU six passes of bfloat16; `high` is three, `default` one.
      'precision': 'high' if arg.bf16 else 'highest',
      'queue': 0,
      'accumulate': 1,
      'ema': 0.999,
  })
  # What is solved before the first step, where the model has parts for it.
  config.closed_form = config_dict.ConfigDict({
      'most_rows': 200_000,  # Of each source.
      'pairs': {'pair_km': 10.0, 'neighbours': 32, 'most_rows': 24_000,
                'shrinkage': 0.1},
      'prior_rows': 4.0,
  })
  config.optimizer = common.adamw(
      0.03, ('norm', 'bias', 'temperature', 'fourier', 'bank', 'gate', 'cells'))
  config.data = config_dict.ConfigDict({
      'batch_size': 256 if arg.quick else 8192,  # Of each source.
      'num_threads': 2,
      'read_ahead': 4,
      # Stores larger than memory: 4096 and 64 read in pieces of 12 MB and
      # hold 1.6 GB of each source. 0: every row for itself.
      'block_rows': 0,
      'window_blocks': 0,
      # Parts of the rows that give equal parts of each batch. Each of several
      # hosts reads its own and no others: a multiple of their number.
      'lanes': 1,
  })
  # 200 M samples seen, of both sources together.
  config.train = common.train(num_steps=200 if arg.quick else 12_200)
  config.keep = config_dict.ConfigDict(
      {'last': 3, 'every_steps': 0, 'every_hours': 0.0})
  config.eval = config_dict.ConfigDict({
      'every': 0 if arg.quick else 1000,
      'max_queries': 2000,
      'max_gallery': 200_000,
  })
  config.mesh = config_dict.ConfigDict({'data': -1, 'fsdp': arg.fsdp})
  config.distributed = common.distributed()
  config.tensorboard = False
  return config


def geoclip_style(width: int, num_features: int, queue: int) -> dict[str, Any]:
  """Changes to train as GeoCLIP: its location tower, softmax, hard targets."""
  return {
      'model': {'linear': False, 'location': 'geoclip', 'location_options': {
          'width': width, 'num_features': num_features}},
      'objective': {'loss': 'softmax', 'targets': {'kind': 'hard'},
                    'queue': queue}}


def feature_earth(quick: bool = False) -> dict[str, Any]:
  """Changes for the synthetic Earth of features: solved, without a step.

  There steps lose what the solution knows (docs/training.md), so the towers
  beside it are as small as can be. `quick` is for tests.
  """
  return {
      'model': {
          'linear': True, 'dim': 64, 'hidden': 16, 'trunk_depth': 0,
          'location_options': {
              'hidden': 16, 'depth': 0, 'num_waves': 4,
              'cells_km': CELLS_KM[::3] if quick else CELLS_KM,
              'num_slots': 2**10 if quick else 2**16}},
      # A tiny world's towns may have one drive each.
      'closed_form': {'pairs': {'pair_km': 1000.0 if quick else 10.0}},
      'train': {'num_steps': 0}}


def feature_earth_peer(quick: bool = False) -> dict[str, Any]:
  """Changes for GeoCLIP's way there, as good as was found for it."""
  peer = geoclip_style(16 if quick else 128, 64, 64 if quick else 512)
  peer['model'] |= {'hidden': 16 if quick else 128, 'trunk_depth': 2,
                    'dropout': 0.0, 'temperature': 20.0}
  return peer | {'optimizer': {'learning_rate': 3e-3},
                 'train': {'num_steps': 20 if quick else 800}}


def change(config: config_dict.ConfigDict, changes: Mapping[str, Any]) -> None:
  """Applies changes that bring another location tower with all its options."""
  config.model.location_options = config_dict.ConfigDict(
      changes['model']['location_options'])
  config.update(changes)


def _model(quick: bool, bf16: bool) -> config_dict.ConfigDict:
  return config_dict.ConfigDict({
      'sources': ('photo', 'street'),
      'dim': 64 if quick else 256,
      'hidden': 128 if quick else 1024,
      'adapter_depth': 1 if quick else 2,
      'trunk_depth': 2 if quick else 6,
      'expansion': 4,
      'dropout': 0.1,
      'linear': False,  # A linear map of each source, solved from near pairs.
      'temperature': 10.0,
      'bias': -10.0,
      'location': 'fourier',  # Or geoclip.
      'location_options': {
          'hidden': 128 if quick else 1024,
          'depth': 2 if quick else 4,
          'expansion': 2,
          'log2_sigmas': (0, 2, 4, 6, 8, 10),
          'num_waves': 64 if quick else 128,
          # Sizes of cells whose means are solved; none without sizes.
          'cells_km': (),
          'num_slots': 2**15,
      },
      'dtype': 'bfloat16' if bf16 else 'float32',  # Or bfloat16.
      # Residual MLPs in one loop: a pod's compiler sees each but once.
      'scan': not quick,
      # rolled, unrolled, or auto: rolled on TPUs alone. The same state.
      'loop': 'auto',
  })
