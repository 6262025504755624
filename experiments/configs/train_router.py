"""A router that sends an unlabelled picture to the photo or street instance.

Command:  python -m experiments.train_router \
            --config=train_router --workdir=W \
            --config.stores.photo=PHOTO_STORE[,PHOTO_STORE] \
            --config.stores.street=STREET_STORE[,STREET_STORE]
Hardware: two CPU cores. Time: seconds, at 192 numbers and 24,000 rows.
Expect:   on Synthetic Earth 99.9 % of held-out pictures are sent right.
Quick:    fewer rows.
"""

from experiments.configs import common
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """The router; `quick` fits on few rows."""
  arg = common.parse_arg(arg, quick=False)
  config = config_dict.ConfigDict()
  # Feature stores of each source, separated by commas.
  config.stores = config_dict.ConfigDict(dict(photo='', street=''))
  config.test = config_dict.ConfigDict(dict(photo='', street=''))
  config.folds = 5  # One of them is held out, by authors and drives.
  config.l2 = 1e-4  # Of 1e-1 … 1e-5 the best on held-out rows of the demo.
  config.max_rows = 2000 if arg.quick else 100000  # Of each source.
  return config
