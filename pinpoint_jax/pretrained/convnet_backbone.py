"""A ConvNet that train_cue_backbone exported, as a backbone ready to use."""

import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
from pinpoint_jax.disk import model_dir
from pinpoint_jax.images import preprocess as preprocess_lib
from pinpoint_jax.models import convnet_files
from pinpoint_jax.pretrained.load import Pretrained, weight_hash
from pinpoint_jax.pretrained.params import Report


def is_there(folder: str | pathlib.Path) -> bool:
  """Whether the folder's config.json is that of a ConvNet."""
  path = pathlib.Path(folder) / model_dir.CONFIG
  if not path.is_file():
    return False
  try:
    config = json.loads(path.read_text(encoding='utf-8'))
  except ValueError:
    return False  # Whoever reads it next says what is wrong with it.
  return (isinstance(config, dict)
          and config.get('model_type') == convnet_files.MODEL_TYPE)


def load(folder: str | pathlib.Path, preprocess: str | None = None,
         dtype: Any = jnp.float32) -> Pretrained:
  """The backbone; `preprocess` replaces squashing to its square."""
  trained = convnet_files.load(folder, dtype)
  size = tuple(trained.model.image_size)
  ops = preprocess or f'resize({size[0]})|unit_range|normalize(0.5, 0.5)'
  if preprocess_lib.output_size(ops) != size:
    raise ValueError(f'preprocess {ops!r} does not give the {size} pixels of '
                     f'{folder}')
  params = {'params': trained.params}
  names = tuple(sorted(jax.tree_util.keystr(path, simple=True, separator='/')
                       for path, _ in jax.tree_util.tree_leaves_with_path(
                           trained.params)))
  return Pretrained(trained.model, jax.tree.map(jnp.asarray, params), ops,
                    Report(names, ()), weight_hash(params))
