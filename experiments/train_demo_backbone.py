r"""Trains the small ViT that the demo ships with, on other synthetic worlds.

  python -m experiments.train_demo_backbone \
    --config=train_demo_backbone --workdir=W
"""

from collections.abc import Callable, Iterator
import functools
import time
from typing import Any

from experiments.run import launch, run_record
from flax import linen as nn
from input_pipeline.synthetic_earth import training_pictures
import jax
import jax.numpy as jnp
from jaxtyping import Float
from ml_collections import config_dict
import numpy as np
import optax
from pinpoint_jax.models import vit
from pinpoint_jax.pretrained import vit_files

_PRINT_EVERY = 50


class Pupil(nn.Module):
  """The backbone with two linear heads: the look, and the picture in small."""

  backbone: vit.ViT
  num_looks: int
  num_redrawn: int

  @nn.compact
  def __call__(self, images: Float[jax.Array, 'b h w 3']) -> tuple[
      Float[jax.Array, 'b l'], Float[jax.Array, 'b r']]:
    feature = self.backbone(images)
    return (nn.Dense(self.num_looks, name='look')(feature),
            nn.Dense(self.num_redrawn, name='redraw')(feature))


def main(run: launch.Run) -> None:
  """Render, train, measure on a world not trained on, save."""
  config = run.config
  data = _pictures(config, tuple(config.world_seeds))
  pupil = Pupil(vit.ViT(**config.backbone), data.looks.shape[1],
                3 * config.redraw_grid**2)
  params = _train(config, pupil, data)
  held_out = _pictures(config, (config.held_out_seed,))
  figures = _measure(pupil, params, held_out)
  print(f'held-out world: {figures}')
  run_record.write_json(run.workdir / 'figures.json', figures)
  vit_files.save(run.workdir / 'model', pupil.backbone,
                 {'params': params['params']['backbone']},
                 f'{config.preprocess}|unit_range|normalize(0.5, 0.5)',
                 'float16')
  print(f'saved {run.workdir / "model"}')


def _pictures(config: config_dict.ConfigDict,
              seeds: tuple[int, ...]) -> training_pictures.Pictures:
  started = time.monotonic()
  data = training_pictures.make(config.world_size, seeds, config.preprocess,
                                config.pictures_per_split, config.processes)
  print(f'{len(data)} pictures of worlds {seeds}: '
        f'{time.monotonic() - started:.0f} s', flush=True)
  return data


def _train(config: config_dict.ConfigDict, pupil: Pupil,
           data: training_pictures.Pictures) -> Any:
  schedule = optax.warmup_cosine_decay_schedule(
      0., config.learning_rate, config.warmup_steps, config.num_steps)
  optimizer = optax.chain(
      optax.clip_by_global_norm(1.0),
      optax.adamw(schedule, 0.9, 0.95, weight_decay=config.weight_decay))
  params = pupil.init(jax.random.key(config.seed), _floats(data.pixels[:1]))
  step = _make_step(pupil, optimizer, config.redraw_weight, config.redraw_grid)
  state, started = optimizer.init(params), time.monotonic()
  for i, rows in enumerate(_batches(config, len(data))):
    params, state, loss = step(params, state, data.pixels[rows],
                               data.looks[rows])
    if i % _PRINT_EVERY == 0 or i == config.num_steps - 1:
      rate = (i + 1) * config.batch_size / (time.monotonic() - started)
      print(f'step {i} loss {float(loss):.4f} {rate:.0f} images/s', flush=True)
  return params


def _batches(config: config_dict.ConfigDict,
             num_rows: int) -> Iterator[np.ndarray]:
  rng = np.random.default_rng(config.seed)
  for _ in range(config.num_steps):
    yield rng.choice(num_rows, config.batch_size, replace=False)


def _make_step(pupil: Pupil, optimizer: optax.GradientTransformation,
               redraw_weight: float, grid: int) -> Callable[..., Any]:
  def loss_fn(params: Any, images: jax.Array, looks: jax.Array) -> jax.Array:
    look, redrawn = pupil.apply(params, images)
    return (jnp.mean((look - looks)**2)
            + redraw_weight * jnp.mean((redrawn - _small(images, grid))**2))
  @functools.partial(jax.jit, donate_argnums=(0, 1))
  def step(params: Any, state: Any, pixels: jax.Array,
           looks: jax.Array) -> tuple[Any, Any, jax.Array]:
    loss, grads = jax.value_and_grad(loss_fn)(params, _floats(pixels), looks)
    updates, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, updates), state, loss
  return step


def _floats(pixels: Any) -> Float[jax.Array, 'b h w 3']:
  return jnp.asarray(pixels, jnp.float32) / 127.5 - 1


def _small(images: Float[jax.Array, 'b h w 3'],
           grid: int) -> Float[jax.Array, 'b r']:
  b, h, w, _ = images.shape
  cells = images.reshape(b, grid, h // grid, grid, w // grid, 3)
  return cells.mean((2, 4)).reshape(b, -1)


def _measure(pupil: Pupil, params: Any,
             data: training_pictures.Pictures) -> dict[str, float]:
  """Share of the look's variance that is explained, by source."""
  apply = jax.jit(lambda pixels: pupil.apply(params, _floats(pixels))[0])
  predicted = np.concatenate([
      np.asarray(apply(data.pixels[i:i + 256]))
      for i in range(0, len(data), 256)])
  figures = {}
  for name, rows in (('photo', ~data.is_street), ('street', data.is_street)):
    spread = data.looks[rows].var(0).sum()
    missed = ((predicted[rows] - data.looks[rows])**2).mean(0).sum()
    figures[f'look_r2_{name}'] = round(float(1 - missed / spread), 4)
  return figures


if __name__ == '__main__':
  launch.run(main)
