"""Features of a data set: the SigLIP 2 features that the method runs on.

Command:  python -m experiments.extract_features \
            --config=extract_features --workdir=W \
            --config.data.name=osv5m --config.data.root=DATA \
            --config.data.options.split=train --config.backbone=MODEL
          MODEL: a folder of google/siglip2-giant-opt-patch16-384, or its .npz.
Hardware: an accelerator; a CPU for small models. Hours: photos ÷ the rate
          that the first progress line prints.
Expect:   W/store with one row per photo, less the quarantine.
Quick:    the tiny synthetic world with the demo's backbone, in seconds.
"""

from experiments.configs import common
from input_pipeline import open_source
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """One extraction; `quick` needs nothing on disk."""
  arg = common.parse_arg(arg, quick=False)
  config = config_dict.ConfigDict()
  config.data = config_dict.ConfigDict()
  # One of input_pipeline.open_source.READERS, and its folder.
  config.data.name = 'synthetic_earth' if arg.quick else 'folder'
  config.data.root = ''
  config.data.max_rows = 0  # 0 takes all.
  config.data.evenly = False  # Of max_rows: spread over all, not the first.
  # What that reader takes, None for its own default: see docs/data.md.
  config.data.options = config_dict.ConfigDict({
      name: config_dict.placeholder(kind)
      for name, kind in open_source.all_options().items()})
  if arg.quick:
    config.data.options.update(size='tiny', seed=0, split='query_street')
  # Shown with photos that speak for an answer; '' is what is known of the data.
  config.licence = ''
  # Or 'efficientnet_lite0_tiles' for real photos, a folder, .npz, 'thumbnail'.
  config.backbone = 'demo'
  config.preprocess = ''  # '' takes the backbone's own.
  config.dtype = 'float32'  # bfloat16 on accelerators.
  config.weights = 'float32'  # bfloat16: half the memory.
  # auto: cudnn's for bfloat16 on NVIDIA GPUs, else plain. Or plain, xla, cudnn.
  config.attention = 'auto'
  # On each device; 0: as many as its memory takes, 64 on a CPU.
  config.batch_size = 16 if arg.quick else 0
  config.shard_rows = 32 if arg.quick else 4096
  # That decode; -1: one for each core, up to 32.
  config.processes = 0 if arg.quick else -1
  config.host = 0
  config.num_hosts = 1
  config.max_failed_share = 0.05
  return config
