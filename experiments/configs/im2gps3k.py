r"""IM2GPS3k, answered from MP16-Pro and OSV-5M: the paper's photo task.

Command:  python -m experiments.reproduce --config=im2gps3k \
            --workdir=runs/im2gps3k
Hardware: an accelerator host, 64 GB of memory, 100 GB of disk beside the
          images. Hours, computed (--plan has them by stage): 36 on one GPU,
          3.6 on a v5e-16; features are most of it, and are shared.
Expect:   percent within 1/25/200/750/2500 km: full_pairwise, same_source
          20.5/47.4/63.5/79.0/90.2 [P], 20.3/47.2/62.9/78.4/90.1 [R]; raw_1nn
          14.9/37.6/50.7/67.8/83.5 [R]; location_top1 8.6/40.2/60.1/77.2/88.8
          [R]. [P]: the paper states it, [R]: a co-author's rerun. 198
          photographers took it all: intervals are wide. Not run here.
Quick:    small networks, the demo's backbone; with --subset=1000 minutes.
"""

from experiments.configs import common, reproduce
from ml_collections import config_dict

BINARY, sweep = reproduce.BINARY, reproduce.sweep


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """IM2GPS3k; `quick` shrinks all that costs."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  return reproduce.published('im2gps3k', arg.quick, arg.seed)
