r"""Synthetic Earth (synthetic) at feature level: a chain without a download.

Command:  python -m experiments.reproduce --config=synthetic \
            --workdir=runs/synthetic
Hardware: two CPU cores, 6 GB of memory, 1 GB of disk. Time: 660 CPU seconds
          (docs/benchmarks.md).
Expect:   the rows of docs/results/demo.md for light, full and retrieval: the
          world, the networks and their steps are those of `make demo`.
Quick:    the tiny world, a minute.
"""

from experiments.configs import common, reproduce
from ml_collections import config_dict

BINARY, sweep = reproduce.BINARY, reproduce.sweep


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """Synthetic Earth; `quick` is the tiny world."""
  arg = common.parse_arg(arg, quick=False, seed=0)
  return reproduce.synthetic(arg.quick, arg.seed)
