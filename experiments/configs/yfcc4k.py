r"""YFCC4k, answered from MP16-Pro and OSV-5M: the paper's photo task.

Command:  python -m experiments.reproduce --config=yfcc4k \
            --workdir=runs/yfcc4k
Hardware: an accelerator host, 64 GB of memory, 100 GB of disk beside the
          images. Hours, computed (--plan has them by stage): 36 on one GPU,
          3.6 on a v5e-16; features are most of it, and are shared.
Expect:   percent within 1/25/200/750/2500 km: full_pairwise, same_source
          33.0/44.4/57.5/71.8/84.5 [P] (43.3 at 25 km without support),
          32.8/44.1/56.4/71.8/84.1 [R]; with filter author
          14.6/29.3/45.6/65.3/80.6 [R]; raw_1nn 29.5/38.1/47.0/61.9/76.5 [R],
          with filter author 9.8/19.0/29.4/49.0/69.0 [R]. [P]: the paper
          states it, [R]: a co-author's rerun or notes. 3,111 of its 4,536
          photos are by authors of MP16: look at filter author. Not run here.
Quick:    small networks, the demo's backbone; with --subset=1000 minutes.
"""

from experiments.configs import common, reproduce
from ml_collections import config_dict

BINARY, sweep = reproduce.BINARY, reproduce.sweep


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """YFCC4k; `quick` shrinks all that costs."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  return reproduce.published('yfcc4k', arg.quick, arg.seed)
