"""Photos, street views and places in one space.

  photo  feature ─▶ adapter_photo  ─┐
  street feature ─▶ adapter_street ─┴▶ trunk ─▶ out ─▶ unit z_image    ┐ same
  xyz ──────────────────────────────▶ location ─────▶ unit z_location ┘ space

Each source has an adapter, a temperature and a bias of its own; all else is
shared. With `linear` each source also has a linear map, and the towers add to
it, at first nothing: z_image = unit(unit(linear) + gate · out).

A further source joins a trained embedder; what it knows stays as it is:

  model, params = add_source(model, params, 'street', 1536, jax.random.key(0))

Training with `frozen` set to all but the new names then moves those alone.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import itertools
import math
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float
from pinpoint_jax.models import (
  geoclip_location,
  layers,
  location_encoder,
  transformer,
)

Dtype = Any
LOCATIONS = ('fourier', 'geoclip')


class Adapter(nn.Module):
  """From a source's feature to the trunk."""

  hidden: int
  depth: int
  expansion: int
  dropout: float
  dtype: Dtype = jnp.float32
  scan: bool = False
  unroll: bool = False

  @nn.compact
  def __call__(self, x: Float[jax.Array, 'b f'], deterministic: bool) -> Float[
      jax.Array, 'b h']:
    # Features come in float16: their statistics are taken in float32.
    x = layers.norm(jnp.float32, 'norm')(x.astype(jnp.float32))
    x = nn.Dense(self.hidden, dtype=self.dtype, name='in')(x)
    x = layers.Dropout(self.dropout)(
        transformer.gelu_erf(x), deterministic)
    for block in layers.residual_mlps('block', self.depth - 1, self.expansion,
                                      self.dropout, self.dtype, self.scan,
                                      self.unroll):
      x = block(x, deterministic)
    return x


class Embedder(nn.Module):
  """The two towers; every number is a config field of the same name.

  With `scan` the residual MLPs of a tower are one loop: the same function, of
  which a compiler sees less or, with `unroll`, all. `layers.unstacked` gives
  the parameters of the twin without it, which is what model directories hold.
  """

  sources: Sequence[str] = ('photo', 'street')
  dim: int = 256
  hidden: int = 1024
  adapter_depth: int = 2
  trunk_depth: int = 6
  expansion: int = 4
  dropout: float = 0.1
  linear: bool = False
  temperature: float = 10.0
  bias: float = -10.0
  location: str = 'fourier'
  location_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  dtype: Dtype = jnp.float32
  scan: bool = False
  unroll: bool = False

  def setup(self):
    self.adapters = {
        source: Adapter(self.hidden, self.adapter_depth, self.expansion,
                        self.dropout, self.dtype, self.scan, self.unroll,
                        name=f'adapter_{source}')
        for source in self.sources}
    self.trunk = layers.residual_mlps('trunk', self.trunk_depth, self.expansion,
                                      self.dropout, self.dtype, self.scan,
                                      self.unroll)
    self.out = layers.Head(self.dim, self.dtype)
    self.linears = {
        source: nn.Dense(self.dim, name=f'linear_{source}')
        for source in self.sources if self.linear}
    self.gate = layers.gate(self, 'gate') if self.linear else None
    self.location_tower = _location(self)
    self.log_temperatures = {
        source: self.param(
            f'log_temperature_{source}',
            nn.initializers.constant(math.log(self.temperature)), ())
        for source in self.sources}
    self.biases = {
        source: self.param(f'bias_{source}',
                           nn.initializers.constant(self.bias), ())
        for source in self.sources}

  def __call__(
      self, features: Mapping[str, Float[jax.Array, '_ f']],
      xyz: Mapping[str, Float[jax.Array, '_ 3']], deterministic: bool = True,
  ) -> tuple[dict[str, Float[jax.Array, '_ d']],
             dict[str, Float[jax.Array, '_ d']]]:
    """Image and location embeddings of each source's batch."""
    return (self.images(features, deterministic),
            _at_once(self.locations, xyz))

  def images(
      self, features: Mapping[str, Float[jax.Array, '_ f']],
      deterministic: bool = True) -> dict[str, Float[jax.Array, '_ d']]:
    """Unit embeddings of images, by source."""
    def shared(x: Float[jax.Array, 'b h']) -> Float[jax.Array, 'b d']:
      for block in self.trunk:
        x = block(x, deterministic)
      return self.out(x)
    z = _at_once(shared, {
        source: self._adapter(source)(feature, deterministic)
        for source, feature in features.items()})
    if not self.linear:
      return z
    first = {source: self.linears[source](feature.astype(jnp.float32))
             for source, feature in features.items()}
    return {source: layers.unit(layers.unit(first[source])
                                + self.gate * z[source]) for source in z}

  def locations(self, xyz: Float[jax.Array, 'b 3']) -> Float[
      jax.Array, 'b d']:
    """Unit embeddings of places."""
    return layers.unit(self.location_tower(xyz))

  def scales(self) -> dict[str, dict[str, Float[jax.Array, '']]]:
    """Temperature and bias of each source: logits are t · sim + bias."""
    return {source: {'temperature': jnp.exp(self.log_temperatures[source]),
                     'bias': self.biases[source]} for source in self.sources}

  def _adapter(self, source: str) -> Adapter:
    if source not in self.adapters:
      raise ValueError(f'source {source!r}: this embedder knows '
                       f'{sorted(self.adapters)}')
    return self.adapters[source]


def _at_once(tower: Callable[[jax.Array], jax.Array],
             parts: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
  """A tower's rows of each source, of one pass over the rows of all."""
  sizes = [len(rows) for rows in parts.values()]
  if len(set(sizes)) == 1:
    # In turn: whoever holds rows of each source holds the same ones together.
    rows = jnp.stack(list(parts.values()), axis=1)
    z = tower(rows.reshape(-1, rows.shape[-1]))
    z = jnp.unstack(z.reshape(*rows.shape[:2], -1), axis=1)
  else:
    z = tower(jnp.concatenate(list(parts.values())))
    z = jnp.split(z, list(itertools.accumulate(sizes))[:-1])
  return dict(zip(parts, z))


def _location(model: Embedder) -> nn.Module:
  options = dict(model.location_options)
  if model.location == 'fourier':
    return location_encoder.LocationEncoder(
        dim=model.dim, dtype=model.dtype, scan=model.scan,
        unroll=model.unroll, **options)
  if model.location == 'geoclip':
    return geoclip_location.GeoClipLocation(
        out_dim=model.dim, dtype=model.dtype, **options)
  raise ValueError(f'location {model.location!r}: choices are {LOCATIONS}')


def add_source(model: Embedder, params: Any, source: str, dim: int,
               key: jax.Array) -> tuple[Embedder, Any]:
  """The embedder with an adapter, temperature and bias for `source`.

  `dim` numbers make a feature of the new source. All other parameters are the
  given ones.
  """
  if source in model.sources:
    raise ValueError(f'source {source!r}: this embedder has it already, it '
                     f'knows {sorted(model.sources)}')
  wider = model.clone(sources=(*model.sources, source))
  fresh = jax.jit(wider.init)(
      key, {source: jnp.zeros((1, dim))}, {source: jnp.zeros((1, 3))})['params']
  return wider, fresh | dict(params)
