"""Small pictures of the demo's photos, for its page."""

import functools
import io
import pathlib

from experiments.demo_stages import models, worlds
from input_pipeline.picture_earth import dataset
from ml_collections import config_dict
import numpy as np
from PIL import Image
from pinpoint_jax.features import store as stores
from pinpoint_jax.report import page_records

# Pixels of a side: a card shows them at half of that, or less.
_SIDE = 256
_WEBP = {'quality': 72, 'method': 4}


class Pictures:
  """Pictures by split and row, drawn when they are wanted."""

  def __init__(self, config: config_dict.ConfigDict, workdir: pathlib.Path):
    self._config, self._workdir = config, workdir
    self._ids: dict[str, np.ndarray] = {}

  def of(self, split: str, row: int, name: str) -> page_records.Picture:
    """The photo in that row of a split; its id is `name`."""
    picture = Image.fromarray(self._earth.image(split, row, _SIDE))
    file = io.BytesIO()
    picture.save(file, 'WEBP', **_WEBP)
    return page_records.Picture(file.getvalue(), f'Synthetic picture {name}')

  def of_gallery(self, source: str, name: str) -> page_records.Picture:
    """The photo of a gallery row."""
    split = f'gallery_{source}'
    if split not in self._ids:
      self._ids[split] = stores.open_store(
          models.store(self._workdir, split)).photos.ids
    row = int(np.flatnonzero(self._ids[split] == name)[0])
    return self.of(split, row, name)

  @functools.cached_property
  def _earth(self) -> dataset.PictureEarth:
    return dataset.PictureEarth(worlds.world(self._config))
