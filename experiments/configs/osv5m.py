r"""OSV-5M's test set, answered from OSV-5M and MP16-Pro: the street task.

Command:  python -m experiments.reproduce --config=osv5m \
            --workdir=runs/osv5m
Hardware: an accelerator host, 64 GB of memory, 100 GB of disk beside the
          images. Hours, computed (--plan has them by stage): 38 on one GPU,
          3.7 on a v5e-16; features are most of it, and are shared.
Expect:   percent within 25/200/750/2500 km: full_pairwise, combined
          35.6/67.5/83.7/93.2, GeoScore 4114, mean 743 km [P]; retrieval
          32.1/65.6/82.8/92.8, GeoScore 4035, mean 784 km [P]. [P]: the paper
          states it. Not run here.
Quick:    small networks, the demo's backbone; with --subset=1000 minutes.
"""

from experiments.configs import common, reproduce
from ml_collections import config_dict

BINARY, sweep = reproduce.BINARY, reproduce.sweep


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """OSV-5M; `quick` shrinks all that costs."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  return reproduce.published('osv5m', arg.quick, arg.seed)
