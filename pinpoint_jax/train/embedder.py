"""Training of the embedder: its state and its step.

  batch[source] = {features [b, f], xyz [b, 3]}
     └▶ z_image, z_location ─▶ loss of each source ─▶ weighted sum ─▶ update
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Float
import optax
from pinpoint_jax.losses import chunked, contrastive, pairs
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.models import transformer
from pinpoint_jax.parallel import mesh as meshes
from pinpoint_jax.train import state as states

Batch = Mapping[str, Mapping[str, jax.Array]]
Metrics = dict[str, jax.Array]
Step = Callable[[states.TrainState, Batch], tuple[states.TrainState, Metrics]]


@dataclasses.dataclass(frozen=True)
class Objective:
  """Training objective; every field is a config field.

  Attributes:
    loss: sigmoid or softmax.
    targets: which pairs belong together.
    weights: of each source's loss in the sum.
    chunk: columns at a time in the sharded form; 0 holds all pairs at once,
      -1 does so where a device has few of them (`pair_chunk`).
    precision: of the similarities, one of contrastive.PRECISIONS.
    queue: places of earlier batches that join as columns (softmax), per source.
    accumulate: parts in which a batch goes through the towers; the loss still
      sees the whole batch.
    ema: decay of the running mean of the parameters.
  """

  loss: str = 'sigmoid'
  targets: pairs.Targets = pairs.Targets()
  weights: Mapping[str, float] = dataclasses.field(
      default_factory=lambda: {'photo': 1.0, 'street': 1.0})
  chunk: int = 0
  precision: str = 'highest'
  queue: int = 0
  accumulate: int = 1
  ema: float = 0.999

  def __post_init__(self):
    if self.loss not in contrastive.LOSSES:
      raise ValueError(f'loss {self.loss!r}: choices are '
                       f'{sorted(contrastive.LOSSES)}')
    if self.precision not in contrastive.PRECISIONS:
      raise ValueError(f'precision {self.precision!r}: choices are '
                       f'{contrastive.PRECISIONS}')
    if self.accumulate < 1 or self.chunk < -1 or self.queue < 0:
      raise ValueError(f'accumulate={self.accumulate}, chunk={self.chunk}, '
                       f'queue={self.queue}: must be at least 1, -1 and 0')
    if not 0 <= self.ema < 1:
      raise ValueError(f'ema={self.ema}: must be at least 0 and below 1')


# Of one device: 64 MiB for each of the few float32 tables that a loss needs.
MOST_PAIRS = 2**24
# Of a device alone, which sums nothing with others: 256 MiB.
_MOST_ALONE = 2**26
_CHUNK = 1024


def pair_chunk(objective: Objective, num_rows: int, num_cols: int,
               num_devices: int) -> int:
  """Columns at a time in the loss of a batch; 0 holds all pairs at once."""
  if objective.chunk >= 0:
    return objective.chunk
  most = _MOST_ALONE if num_devices == 1 else MOST_PAIRS * num_devices
  return 0 if num_rows * num_cols <= most else _CHUNK


def make_state(model: embedders.Embedder, feature_dims: Mapping[str, int],
               optimizer: optax.GradientTransformation, objective: Objective,
               seed: int, mesh: Mesh) -> states.TrainState:
  """A fresh state of the embedder for features of those sizes."""
  features = {s: jnp.zeros((1, dim)) for s, dim in feature_dims.items()}
  xyz = {s: jnp.zeros((1, 3)) for s in feature_dims}
  # An empty place is the origin: it never counts.
  queue = {s: jnp.zeros((objective.queue, 3)) for s in feature_dims
           } if objective.queue else {}
  init = lambda key: model.init(key, features, xyz)['params']
  return states.make(init, optimizer, seed, mesh, queue)


def make_step(model: embedders.Embedder,
              optimizer: optax.GradientTransformation, objective: Objective,
              seed: int, mesh: Mesh, state: states.TrainState) -> Step:
  """The compiled step: state and global batch to the next state and metrics."""
  placed = states.shardings(state, mesh)
  step = functools.partial(_step, model, optimizer, objective, seed, mesh)
  return jax.jit(
      step, in_shardings=(placed, meshes.split(mesh)),
      out_shardings=(placed, meshes.whole(mesh)), donate_argnums=0,
      compiler_options=transformer.compiler_options())


def _step(model: embedders.Embedder, optimizer: optax.GradientTransformation,
          objective: Objective, seed: int, mesh: Mesh,
          state: states.TrainState, batch: Batch) -> tuple[
              states.TrainState, Metrics]:
  key = jax.random.fold_in(jax.random.key(seed), state.step)
  value_and_grad = (_value_and_grad if objective.accumulate == 1
                    else _accumulated)
  (_, metrics), grads = value_and_grad(
      model, objective, mesh, states.gathered(state, mesh), batch, key)
  metrics['grad_norm'] = optax.tree.norm(grads)
  queue = {s: jnp.concatenate([batch[s]['xyz'], old])[:len(old)]
           for s, old in state.queue.items()}
  return states.apply_gradients(
      state, grads, optimizer, objective.ema, queue), metrics


def _value_and_grad(model: embedders.Embedder, objective: Objective,
                    mesh: Mesh, state: states.TrainState, batch: Batch,
                    key: jax.Array) -> Any:
  def loss_fn(params: Any) -> tuple[jax.Array, Metrics]:
    embedded = _embed(model, params, batch, key)
    return _loss(model, objective, mesh, params, embedded, batch, state.queue)
  return jax.value_and_grad(loss_fn, has_aux=True)(state.params)


def _accumulated(model: embedders.Embedder, objective: Objective, mesh: Mesh,
                 state: states.TrainState, batch: Batch,
                 key: jax.Array) -> Any:
  """The whole batch's gradient, the towers run on a part at a time.

  First all embeddings, then the loss's gradient on them, then each part again
  with that gradient pulled back (GradCache, arXiv 2101.06983).
  """
  parts = jax.tree.map(functools.partial(_parts, objective.accumulate), batch)
  keys = jax.random.split(key, objective.accumulate)
  run = lambda params, part: _embed(model, params, part[0], part[1])
  embedded = jax.lax.map(functools.partial(run, state.params), (parts, keys))
  embedded = jax.tree.map(_joined, embedded)
  def loss_fn(params: Any, embedded: Any) -> tuple[jax.Array, Metrics]:
    return _loss(model, objective, mesh, params, embedded, batch, state.queue)
  value, (grads, pulls) = jax.value_and_grad(
      loss_fn, (0, 1), has_aux=True)(state.params, embedded)
  pulls = jax.tree.map(functools.partial(_parts, objective.accumulate), pulls)
  def add(grads: Any, part: Any) -> tuple[Any, None]:
    _, pull_back = jax.vjp(lambda p: run(p, part[:2]), state.params)
    return jax.tree.map(jnp.add, grads, pull_back(part[2])[0]), None
  grads, _ = jax.lax.scan(add, grads, (parts, keys, pulls))
  return value, grads


def _parts(num: int, x: jax.Array) -> jax.Array:
  if len(x) % num:
    raise ValueError(f'accumulate={num} does not divide a batch of {len(x)}')
  # Strided, so that a part has rows of every device.
  return x.reshape(len(x) // num, num, *x.shape[1:]).swapaxes(0, 1)


def _joined(parts: jax.Array) -> jax.Array:
  return parts.swapaxes(0, 1).reshape(-1, *parts.shape[2:])


def _embed(model: embedders.Embedder, params: Any, batch: Batch,
           key: jax.Array) -> Any:
  features = {s: rows['features'] for s, rows in batch.items()}
  xyz = {s: rows['xyz'] for s, rows in batch.items()}
  return model.apply({'params': params}, features, xyz, False,
                     rngs={'dropout': key})


def _loss(model: embedders.Embedder, objective: Objective, mesh: Mesh,
          params: Any, embedded: Any, batch: Batch, queue: Any) -> tuple[
              Float[jax.Array, ''], Metrics]:
  """Weighted sum over sources; metrics name each source's own."""
  images, places = embedded
  scales = model.apply({'params': params}, method='scales')
  total, metrics = jnp.zeros(()), {}
  for source, rows in batch.items():
    scale = contrastive.Scale(**scales[source])
    cols = contrastive.Embedded(places[source], rows['xyz'])
    if source in queue:
      cols = _with_queue(model, params, cols, queue[source])
    loss = _one_loss(objective, mesh, contrastive.Embedded(
        images[source], rows['xyz']), cols, scale)
    total += objective.weights[source] * loss
    metrics |= {f'loss_{source}': loss, f'bias_{source}': scale.bias,
                f'temperature_{source}': scale.temperature}
  return total, {'loss': total, **metrics}


def _with_queue(model: embedders.Embedder, params: Any,
                cols: contrastive.Embedded,
                queue: jax.Array) -> contrastive.Embedded:
  z = model.apply({'params': params}, queue, method='locations')
  return contrastive.Embedded(jnp.concatenate([cols.z, z]),
                              jnp.concatenate([cols.xyz, queue]))


def _one_loss(objective: Objective, mesh: Mesh, rows: contrastive.Embedded,
              cols: contrastive.Embedded, scale: contrastive.Scale) -> Float[
                  jax.Array, '']:
  chunk = pair_chunk(objective, len(rows.z), len(cols.z), mesh.size)
  if not chunk:
    return contrastive.LOSSES[objective.loss](
        rows, cols, scale, objective.targets, objective.precision)
  return chunked.loss(objective.loss, rows, cols, scale, objective.targets,
                      mesh, chunk, objective.precision)
