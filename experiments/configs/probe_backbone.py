"""What a backbone reads of drawn pictures, on a world that nothing has seen.

Command:  python -m experiments.probe_backbone \
            --config=probe_backbone --workdir=W --config.backbone=MODEL
Hardware: two CPU cores, 2 GB of memory. Hours: 129,000 pictures of the world
          and 24,000 others ÷ the rate that the progress lines print;
          --config.max_rows=24000 leaves three quarters of the street views out.
Expect:   docs/results/synthetic_earth.md.
Quick:    --config=probe_backbone:quick  (the tiny world, seconds; its figures
          mean nothing).
"""

from experiments.configs import common
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """A world of a seed of its own, and pictures of no world to fit probes on."""
  arg = common.parse_arg(arg, quick=False, seed=3000)
  config = config_dict.ConfigDict()
  # Of the world: none that a demo or a training runs on.
  config.seed = arg.seed
  # As of extract_features: a name, or a folder of weights.
  config.backbone = 'demo'
  config.preprocess = ''  # '' takes the backbone's own.
  config.world = config_dict.ConfigDict(
      {'variant': 'default', 'size': 'tiny' if arg.quick else 'demo'})
  # Of no world: probes are fitted on those of the first seed and judged on
  # those of the next; none that train_cue_backbone trains or evaluates on.
  config.independent = config_dict.ConfigDict({
      'seed': 2_000_000,
      'num_fit': 400 if arg.quick else 20_000,
      'num_judged': 100 if arg.quick else 4000})
  config.max_rows = 0  # The first of each split; 0 takes all.
  # Gallery rows of each source that a probe of this world is fitted on.
  config.num_fit = 300 if arg.quick else 10_000
  config.processes = 0 if arg.quick else 2  # That draw; 0: none to start.
  config.batch_size = 16 if arg.quick else 64
  config.num_resamples = 100 if arg.quick else 1000
  return config
