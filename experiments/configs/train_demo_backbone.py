"""The demo's own backbone: a small ViT that has seen other synthetic worlds.

It learns to name a place's latent look and to redraw the picture in small, so
its feature holds place and content alike, as a real backbone's does. The
worlds it sees have other seeds than any the demo runs on: nothing that is
evaluated was seen.

Command:  python -m experiments.train_demo_backbone \
            --config=train_demo_backbone --workdir=W
Hardware: two CPU cores, 6 GB of memory. Time: about 40 minutes.
Expect:   loss 3.8 → 0.95. On a world not trained on the look itself is hardly
          read (R² −0.09 photo, 0.05 street), yet neighbours in the feature
          are better: see docs/synthetic_earth.md.
Quick:    --config=train_demo_backbone:quick
"""

from experiments.configs import common
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The shipped backbone; `quick` makes it in seconds and useless."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  config = config_dict.ConfigDict()
  config.seed = arg.seed
  config.backbone = config_dict.ConfigDict(dict(
      image_size=(80, 80), patch=16, width=192, depth=5, num_heads=3,
      mlp_dim=768))  # 2.6 M parameters; the rest is as in SigLIP.
  if arg.quick:
    config.backbone.update(width=32, depth=1, num_heads=2, mlp_dim=64)
  config.preprocess = 'resize(80)'
  config.world_size = 'tiny' if arg.quick else 'demo'
  # Far from 0, 1, 2, …: the seeds that demos and tables run on.
  config.world_seeds = (1000,) if arg.quick else (1000, 1001, 1002)
  config.pictures_per_split = 200 if arg.quick else 12_000
  config.held_out_seed = 2000
  config.processes = 2
  config.batch_size = 32 if arg.quick else 128
  config.num_steps = 20 if arg.quick else 1500
  config.warmup_steps = 5 if arg.quick else 100
  config.learning_rate = 1e-3
  config.weight_decay = 0.05
  config.redraw_weight = 1.0
  config.redraw_grid = 8
  return config
