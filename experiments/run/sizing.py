"""A run whose default size does not fit its rows is sized by them."""

from collections.abc import Mapping

from experiments.configs import crossval, train_embedder
from experiments.run import config_file
from ml_collections import config_dict

# What the number of rows decides, by the first words of its name.
_BY_ROWS = ('model.', 'optimizer.', 'data.batch_size', 'train.num_steps')


def fit(config: config_dict.ConfigDict,
        num_rows: Mapping[str, int]) -> config_dict.ConfigDict:
  """An embedder's config for so many rows by source.

  Where a default batch is larger than every source, entries that have their
  default are as crossval has them, and a line says so. A batch size that
  somebody chose is refused instead.
  """
  most, batch = max(num_rows.values()), config.data.batch_size
  if batch <= most:
    return config
  rows = ', '.join(f'{count:,} {source}' for source, count in num_rows.items())
  usual = [config_file.flatten(train_embedder.get_config(arg))
           for arg in ('', 'quick')]
  if batch not in (one['data.batch_size'] for one in usual):
    raise ValueError(f'--config.data.batch_size={batch}: there are {rows} rows '
                     f'to train on; set at most {most}')
  now = config_file.flatten(config)
  sized = config_file.flatten(crossval.get_config(f'rows={most}'))
  changes = {key: value for key, value in sized.items()
             if key.startswith(_BY_ROWS) and key in now and now[key] != value
             and now[key] in (one.get(key) for one in usual)}
  print(f'note: {rows} rows to train on are fewer than a batch of {batch:,}; '
        f'sized by the rows, as crossval does: '
        + ', '.join(f'{key}={value}' for key, value in changes.items()),
        flush=True)
  config = config.copy_and_resolve_references()
  config.update_from_flattened_dict(changes)
  return config
