"""Training of the region head, in seconds: what region_prior.py is fitted by.

  rows with the number of their cell ─▶ drawn by source ─▶ Adam on the cross
  entropy ─▶ the parameters that say most about origins apart

Close cells are nearly right: what a row wants of a cell falls as
exp(−d(its cell, that cell) / smooth_km).
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int, Shaped
import numpy as np
import optax
from pinpoint_jax import blocks, types
from pinpoint_jax.geo import cells as cells_lib
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.models import region_head

# One in so many origins says when to stop; so many of their rows a source.
_ONE_IN, _MOST_HELD_OUT = 10, 3000
# Steps between two looks at them; so many looks without gain are the end.
_STEPS_A_LOOK, _PATIENCE = 100, 2


@dataclasses.dataclass(frozen=True)
class Settings:
  """Size and training of a region prior; every field is a config field.

  Attributes:
    cells: parts of the world, a power of two; 0: no prior.
    hidden: width of the hidden layer.
    smooth_km: how far a neighbouring cell counts as nearly right.
    steps: of training, at most.
    batch: rows a step.
    learning_rate: at its highest.
  """

  cells: int = 0
  hidden: int = 512
  smooth_km: float | int = 30.
  steps: int = 600
  batch: int = 512
  learning_rate: float | int = 3e-3

  def __post_init__(self):
    if self.cells:
      cells_lib.check_num_cells(self.cells)
    sizes = {name: getattr(self, name) for name in
             ('hidden', 'steps', 'batch', 'smooth_km', 'learning_rate')}
    if min(sizes.values()) <= 0:
      raise ValueError(f'region prior: {sizes}: all must be above 0')


@dataclasses.dataclass(frozen=True)
class Rows:
  """What is learned from: rows of all sources.

  Attributes:
    raw: standardised, float32 [n, r].
    source: place of each row's source in types.SOURCES, int32 [n].
    cell: int32 [n].
    held_out: rows of origins that say when to stop, [n].
  """

  raw: Float[np.ndarray, 'n r']
  source: Int[np.ndarray, 'n']
  cell: Int[np.ndarray, 'n']
  held_out: Bool[np.ndarray, 'n']


def held_out(origins: Shaped[np.ndarray, 'n'], seed: int) -> Bool[
    np.ndarray, 'n']:
  """Rows that say when to stop, of none of the origins learned from."""
  distinct, code = np.unique(origins, return_inverse=True)
  order = np.random.default_rng([seed, 0]).permutation(len(distinct))
  return np.isin(code, order[:len(distinct) // _ONE_IN])


def train(rows: Rows, targets: Float[np.ndarray, 'c c'], settings: Settings,
          seed: int) -> region_head.Params:
  """The parameters that say most about the held-out rows."""
  params = region_head.first_params(
      rows.raw.shape[1], settings.hidden, _shares(rows, settings.cells), seed)
  state, placed = _optimizer(settings).init(params), _placed(rows)
  judges, chance = _judges(rows), _chances(rows)
  rng, targets = np.random.default_rng([seed, 1]), jnp.asarray(targets)
  best, best_loss, waited = params, np.inf, 0
  for steps in blocks.slices(settings.steps, _STEPS_A_LOOK):
    drawn = rng.choice(len(chance), (steps.stop - steps.start, settings.batch),
                       p=chance).astype(np.int32)
    params, state = _steps(params, state, placed, targets, drawn, settings)
    # Where no origin is held out the last parameters are taken.
    loss = (float(_loss(params, *(column[judges] for column in placed),
                        targets)) if len(judges) else -steps.stop)
    waited = 0 if loss < best_loss else waited + 1
    if waited == _PATIENCE:
      break
    if not waited:
      best, best_loss = params, loss
  return {name: np.asarray(array) for name, array in best.items()}


def targets(latlng_deg: Float[np.ndarray, 'n 2'],
            weights: Float[np.ndarray, 'n'], cell: Int[np.ndarray, 'n'],
            num_cells: int, smooth_km: float | int) -> Float[
                np.ndarray, 'c c']:
  """What a row of each cell wants of every cell; rows add to 1."""
  sums = np.zeros((num_cells, 3))
  np.add.at(sums, cell, weights[:, None] * coords.to_xyz(latlng_deg))
  taken = np.linalg.norm(sums, axis=1) > 0
  centres = coords.to_latlng_deg(np.where(taken[:, None], sums, 1.))
  km = distance.haversine_km(centres[:, None], centres[None])
  # A cell that no row is in is nowhere, and near nothing but itself.
  near = np.exp(-km / smooth_km) * (taken[:, None] & taken[None])
  near = np.where(np.eye(num_cells, dtype=bool), 1., near)
  return (near / near.sum(axis=1, keepdims=True)).astype(np.float32)


def _shares(rows: Rows, num_cells: int) -> Float[np.ndarray, 's c']:
  counts = np.stack([
      np.bincount(rows.cell[rows.source == i], minlength=num_cells)
      for i in range(len(types.SOURCES))])
  return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _chances(rows: Rows) -> Float[np.ndarray, 'n']:
  """Of each row to be drawn.

  A source as often as the root of its rows says: the smaller one counts more
  than its rows, and still does not overfit.
  """
  counts = np.bincount(rows.source[~rows.held_out],
                       minlength=len(types.SOURCES))
  chance = np.where(rows.held_out, 0.,
                    1 / np.sqrt(np.maximum(counts, 1))[rows.source])
  return chance / chance.sum()


def _judges(rows: Rows) -> Int[np.ndarray, 'h']:
  """Held-out rows, evenly spread, as many of each source at most."""
  by_source = [np.flatnonzero(rows.held_out & (rows.source == i))
               for i in range(len(types.SOURCES))]
  return np.concatenate([some[blocks.evenly_spread(len(some), _MOST_HELD_OUT)]
                         for some in by_source])


def _placed(rows: Rows) -> tuple[jax.Array, ...]:
  return tuple(map(jnp.asarray, (rows.raw, rows.source, rows.cell)))


def _optimizer(settings: Settings) -> optax.GradientTransformation:
  rate = optax.warmup_cosine_decay_schedule(
      0., settings.learning_rate, max(settings.steps // 20, 1),
      max(settings.steps, 2))
  return optax.chain(optax.clip_by_global_norm(1.),
                     optax.adam(rate, b1=.9, b2=.98))


@functools.partial(jax.jit, static_argnames='settings')
def _steps(params: region_head.Params, state: optax.OptState,
           rows: Sequence[jax.Array], targets: Float[jax.Array, 'c c'],
           drawn: Int[jax.Array | np.ndarray, 's b'],
           settings: Settings) -> tuple[region_head.Params, optax.OptState]:
  """One step on each list of row numbers."""
  optimizer = _optimizer(settings)
  def step(carry: tuple, at: jax.Array) -> tuple[tuple, None]:
    params, state = carry
    grads = jax.grad(_loss)(params, *(column[at] for column in rows), targets)
    updates, state = optimizer.update(grads, state, params)
    return (optax.apply_updates(params, updates), state), None
  return jax.lax.scan(step, (params, state), drawn)[0]


@jax.jit
def _loss(params: Mapping[str, jax.Array], raw: Float[jax.Array, 'b r'],
          source: Int[jax.Array, 'b'], cell: Int[jax.Array, 'b'],
          targets: Float[jax.Array, 'c c']) -> Float[jax.Array, '']:
  logs = jax.nn.log_softmax(region_head.logits(params, raw, source))
  return -jnp.mean(jnp.sum(targets[cell] * logs, axis=1))
