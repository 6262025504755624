"""Embedders for cross-validation, sized by the rows they are given.

Command:  python -m experiments.crossval --features=STORE[,STORE] --workdir=W
          (this config is made for each fold; nothing to set)
Hardware: two CPU cores up to some 100,000 rows, an accelerator beyond.
Expect:   with the shared 801 street views, see docs/training.md.
"""

import math

from experiments.configs import common, train_embedder
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """One fold's run; `rows` are those of the larger source.

  `embedder` is hard, soft (their targets) or geoclip_style.

  `quick` trains too little to mean anything.
  """
  arg = common.parse_arg(arg, rows=1000, embedder='soft', seed=0, quick=False)
  config = train_embedder.get_config(f'quick,seed={arg.seed}')
  large = arg.rows > 1_000_000
  if large:
    config = train_embedder.get_config(f'seed={arg.seed}')
  config.folds.block_km = 0.0  # Blocks that no fold shares with the others.
  config.objective.targets.kind = 'soft' if arg.embedder == 'soft' else 'hard'
  config.data.batch_size = _batch_size(arg.rows)
  if arg.rows < 10_000:
    # Few rows: a shallow tower that forgets half of what it sees.
    config.model.trunk_depth = 0
    config.model.dropout = 0.5
    config.optimizer.learning_rate = 3e-4
  # Each row is seen a number of times that falls from 64 to 25.
  epochs = max(25, min(64, 1_000_000 // arg.rows))
  config.train.num_steps = max(
      100, epochs * arg.rows // config.data.batch_size)
  config.train.save_every = 0
  if arg.embedder == 'geoclip_style':
    width = config.model.hidden
    train_embedder.change(config, train_embedder.geoclip_style(
        width, min(256, width // 2), min(512, 2 * config.data.batch_size)))
  if arg.quick:
    config.train.num_steps = 20
  config.eval.every = 0
  config.eval.max_queries = 0  # Folds are scored by crossval itself.
  return config


def _batch_size(rows: int) -> int:
  """A power of two, at most about half of the rows."""
  return 2**max(3, min(13, int(math.log2(max(rows, 2))) - 1))
