"""What the losses take."""

from typing import NamedTuple

import jax
from jaxtyping import Float


class Embedded(NamedTuple):
  """Unit embeddings z [n, d] of things at unit vectors xyz [n, 3]."""

  z: Float[jax.Array, 'n d']
  xyz: Float[jax.Array, 'n 3']


class Scale(NamedTuple):
  """How similarities become logits: temperature · sim + bias."""

  temperature: Float[jax.Array, '']
  bias: Float[jax.Array, '']
