"""The backbone of drawn pictures: a small ConvNet that names their cues.

Command:  python -m experiments.train_cue_backbone \
            --config=train_cue_backbone --workdir=W
Hardware: two CPU cores, or one GPU and as many cores as there are to draw
          pictures with (--config.data.processes). Hours: steps ÷ the rate that
          the first lines print.
Expect:   R² of held-out pictures 0.79 in photos and 0.82 in street views: see
          docs/results/synthetic_earth.md. The shipped weights were begun with
          18,750 steps planned and shortened at steps 399 and 571.
Quick:    a tiny network for twenty steps: seconds, and useless.
"""

from experiments.configs import common
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """166,400 pictures, once each; `quick` makes it in seconds."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.model = config_dict.ConfigDict({
      'image_size': (96, 96),
      'widths': (8, 8, 8, 8) if arg.quick else (32, 64, 128, 256),
      'depths': (0, 0, 0, 1) if arg.quick else (0, 1, 1, 2),
      'num_heads': 4 if arg.quick else 16,
      'head_dim': 8 if arg.quick else 32,
      'dim': 16 if arg.quick else 256,
      'dtype': 'float32',  # Or bfloat16.
  })
  config.objective = config_dict.ConfigDict(
      {'hidden_weight': 0.1, 'ema': 0.996})
  config.optimizer = common.adamw(0.03, ('norm', 'bias'))
  config.optimizer.b2 = 0.98
  config.optimizer.weight_decay = 0.02
  config.data = config_dict.ConfigDict({
      'batch_size': 16 if arg.quick else 64,
      # That draw pictures; 0 draws them in the training process itself.
      'processes': 0 if arg.quick else 2,
      'read_ahead': 8,  # Batches.
  })
  config.train = common.train(num_steps=20 if arg.quick else 2600)
  config.train.best = 'held_out/r2'
  config.keep = config_dict.ConfigDict(
      {'last': 2, 'every_steps': 0, 'every_hours': 0.0})
  config.eval = config_dict.ConfigDict({
      'every': 10 if arg.quick else 500,
      'num_pictures': 32 if arg.quick else 1024,
      'seed': arg.seed + 1_000_000,
  })
  config.mesh = config_dict.ConfigDict({'data': -1, 'fsdp': 1})
  config.tensorboard = False
  return config
