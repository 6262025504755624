r"""commons26, photos that nobody has trained on: the paper's photo task.

Command:  python -m experiments.reproduce --config=commons26 \
            --workdir=runs/commons26
Hardware: an accelerator host, 64 GB of memory, 100 GB of disk beside the
          images. Hours, computed (--plan has them by stage): 36 on one GPU,
          3.6 on a v5e-16; features are most of it, and are shared.
Expect:   percent within 1/25/200/750/2500 km: full_pairwise, same_source
          4.6/16.8/33.7/58.4/78.0 [R]; raw_1nn 2.8/10.4/22.8/46.4/68.4 [R];
          oracle over 12 candidates 9.9/33.5/59.8/80.7/92.4 [R]. [R]: a
          co-author's notes. 29 % of its photos have no place signal. Not run
          here.
Quick:    small networks, the demo's backbone; with --subset=1000 minutes.
"""

from experiments.configs import common, reproduce
from ml_collections import config_dict

BINARY, sweep = reproduce.BINARY, reproduce.sweep


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """commons26; `quick` shrinks all that costs."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  return reproduce.published('commons26', arg.quick, arg.seed)
