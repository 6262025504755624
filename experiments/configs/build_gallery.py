"""A gallery of both sources: the rows that the method answers from.

Command:  python -m experiments.build_gallery \
            --config=build_gallery --workdir=G \
            --config.model=W/model \
            --config.stores.photo=PHOTO_STORE[,PHOTO_STORE] \
            --config.stores.street=STREET_STORE[,STREET_STORE]
Hardware: an accelerator for millions of rows; a CPU for thousands.
          Hours: rows ÷ the rate that the first progress line prints.
Expect:   4,133 bytes per row, and its id, at 256 and 1,536 numbers: 17 GB for
          4.1 M rows (docs/gallery.md).
Quick:    raw features in 8 bits: 63 % of the bytes.
"""

from experiments.configs import common
from ml_collections import config_dict


def get_config(arg: str | None = None) -> config_dict.ConfigDict:
  """One gallery; `quick` keeps raw features in 8 bits."""
  arg = common.parse_arg(arg, quick=False)
  config = config_dict.ConfigDict()
  config.model = ''  # Folder that train_embedder exported.
  # Feature stores of each source, separated by commas.
  config.stores = config_dict.ConfigDict(dict(photo='', street=''))
  config.mode = 'combined'  # Or photo, street: that source alone.
  config.raw = 'int8' if arg.quick else 'float16'  # Or off.
  config.duplicates = 'refuse'  # Or first.
  # Approximate indices for large galleries, and neighbour lists for reranking.
  config.index = 'scann'  # Or faiss (see docs/search.md), or none.
  config.support = True
  config.distributed = common.distributed()
  return config
