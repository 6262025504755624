"""From a shot to an image or a file."""

from input_pipeline.synthetic_earth import (
  encode,
  render_photo,
  render_street,
  shots,
)
from pinpoint_jax import types

_RENDERERS = {'photo': render_photo.render, 'street': render_street.render}


def image(shot: shots.Shot) -> types.Image:
  """The pixels of a shot, [h, w, 3]."""
  return _RENDERERS[shot.source](shot)


def jpeg(shot: shots.Shot) -> bytes:
  """The JPEG file of a shot."""
  return encode.jpeg(image(shot), shot.lat_deg, shot.lng_deg)
