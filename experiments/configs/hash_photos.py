"""Fingerprints of a data set's pictures, for audits: made once and kept.

Command:  python -m experiments.hash_photos --config=hash_photos --workdir=W \
            --config.data.name=osv5m --config.data.root=DATA \
            --config.data.options.split=train
Hardware: CPU cores that decode pictures. Hours: photos ÷ the rate that the
          first progress line prints.
Expect:   W/prints, 1.2 KB a photo.
Quick:    a split of the tiny synthetic world, in seconds.
"""

from experiments.configs import common, extract_features
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """One data set; `quick` needs nothing on disk."""
  arg = common.parse_arg(arg, quick=False)
  config = config_dict.ConfigDict()
  # As in extract_features: a reader, its folder and its options.
  config.data = extract_features.get_config('quick' if arg.quick else '').data
  config.processes = 0 if arg.quick else 2
  config.max_failed_share = 0.05
  return config
