"""An image tower that begins as the solution of a kernel ridge.

  mapped row ─┬▶ ridge ─────────────────────┬▶ + ─▶ unit ─▶ · temperature
              └▶ hidden layer ─▶ 0 at first ─┘
"""

import math

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.models import layers, transformer


class RidgeImages(nn.Module):
  """The tower; whoever trains it sets its parameters `ridge`.

  The product of its rows with places' vectors are log-odds.
  """

  dim: int
  hidden: int = 64
  dropout: float = 0.3
  temperature: float = 30.0

  @nn.compact
  def __call__(self, z: Float[jax.Array, 'b p'],
               deterministic: bool = True) -> Float[jax.Array, 'b d']:
    z = layers.Dropout(self.dropout)(z, deterministic)
    h = transformer.gelu_erf(nn.Dense(self.hidden, name='in')(z))
    beyond = nn.Dense(self.dim, name='out', use_bias=False,
                      kernel_init=nn.initializers.zeros_init())(h)
    log_temperature = self.param(
        'log_temperature',
        nn.initializers.constant(math.log(self.temperature)), ())
    return jnp.exp(log_temperature) * layers.unit(
        nn.Dense(self.dim, name='ridge')(z) + beyond)
