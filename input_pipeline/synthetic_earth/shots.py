"""What a renderer needs to know about a photo."""

import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types


@dataclasses.dataclass(frozen=True)
class Shot:
  """One photo to be rendered.

  Attributes:
    source: which renderer.
    seed: of the world.
    region: keeps random streams apart.
    serial, session, author: numbers of the photo, its burst, its author.
    landmark: the sight shown, -1 for none.
    look: latent look of the place, [l].
    lat_deg, lng_deg: where it was taken.
  """

  source: types.Source
  seed: int
  region: str
  serial: int
  session: int
  author: int
  landmark: int
  look: Float[np.ndarray, 'l']
  lat_deg: float
  lng_deg: float
