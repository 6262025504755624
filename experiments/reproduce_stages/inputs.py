"""What a chain needs that only its user can bring: data sets and a backbone."""

import os
import pathlib

from experiments.reproduce_stages import stages
from input_pipeline import open_source, prepared
from input_pipeline.datasets import published
from ml_collections import config_dict
from pinpoint_jax.features import backbones

# The backbone of the configs, as its owner calls it.
_BACKBONE = 'siglip2'


def missing(config: config_dict.ConfigDict) -> list[str]:
  """A line for everything that is not here; all of it, before any work."""
  lines = []
  for name, data in config.data.items():
    if data.name != stages.FEATURE_EARTH:
      lines += _of_data(name, data, config.subset > 0)
  if config.backbone and config.backbone not in backbones.NAMES:
    if not os.path.exists(config.backbone):
      lines += map(str, published.missing(_BACKBONE, config.backbone, ''))
  return list(dict.fromkeys(lines))


def _of_data(name: str, data: config_dict.ConfigDict,
             partly: bool) -> list[str]:
  plain = data.name.removeprefix(open_source.PREPARED)
  if plain != data.name:
    path = prepared.table_path(prepared.folder(data.root, plain),
                               data.split or 'main')
    return [] if path.is_file() else [
        f'{name}: {path} is missing; python -m experiments.prepare_tfds '
        f'--name={plain} --root=FOLDER --out={data.root} writes it']
  if plain in published.names():
    return list(map(str, published.missing(plain, data.root, data.split,
                                           partly)))
  return [] if pathlib.Path(data.root).is_dir() else [
      f'{name}: the folder {data.root} is missing; name another one by '
      f'--config.data.{name}.root']
