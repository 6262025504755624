"""Synthetic Earth end to end, version 2: small ViT, embedders, exact search.

Command:  make demo
          python -m experiments.demo --config=experiments/configs/demo.py \
            --workdir=runs/demo
Hardware: two CPU cores, 4 GB of memory. Time: 4 to 8 minutes.
Expect:   at 25 km on the combined gallery, photo (new authors) and street:
          chance 0.3 and 0.1 %, raw_1nn 3.8 and 7.6 %, location_top1 11.6 and
          10.3 %.
Quick:    --config=experiments/configs/demo.py:quick   (the tiny world, seconds)
"""

from experiments.configs import common, train_embedder
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The demo; `quick` shrinks the world to the size that tests use."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.world_size = 'tiny' if arg.quick else 'demo'
  config.processes = 2
  config.decode_processes = 0 if arg.quick else 2  # 0: none to start.
  config.backbone = 'demo'  # 'thumbnail' is the floor: nothing is learned.
  config.preprocess = ''  # '' takes the backbone's own.
  config.embedder = _embedder(arg.quick)
  config.galleries = ('combined', 'same_source')
  config.filters = ('none', 'author')
  config.distance = 'haversine'
  config.num_resamples = 1000
  return config


def _embedder(quick: bool) -> config_dict.ConfigDict:
  """Small towers; how they were chosen stands in docs/training.md."""
  config = train_embedder.get_config('quick')
  config.objective.targets.kind = 'soft'
  config.objective.targets.tau_km = 100.0
  config.train.num_steps = 30 if quick else 800
  config.train.log_every = 250
  config.train.save_every = 250
  if quick:
    config.data.batch_size = 64
  return config
