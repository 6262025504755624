"""What an embedder knows before its first step, solved and not trained.

  features, places ─▶ near_pairs  ─▶ linear_photo, linear_street ─┐ unit z
                      place_means ◀───────────────────────────────┘
                           └─▶ location_tower/cells
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from flax import traverse_util
import jax
from jaxtyping import Float
import numpy as np
from pinpoint_jax.models import embedder as embedders
from pinpoint_jax.ridge import near_pairs, place_means
from pinpoint_jax.train import state as states

_CELLS = 'location_tower/cells'


@dataclasses.dataclass(frozen=True)
class Settings:
  """How the beginning is solved; every field is a config field.

  Attributes:
    most_rows: of each source that are read, evenly spread.
    pairs: which pictures are of one place.
    prior_rows: pictures that a cell's mean is shrunk by.
  """

  most_rows: int = 200_000
  pairs: near_pairs.Settings = near_pairs.Settings()
  prior_rows: float | int = 4.0


def needed(model: embedders.Embedder) -> bool:
  """Whether the model has parts that are solved."""
  return bool(model.linear or model.location_options.get('cells_km'))


def solve(model: embedders.Embedder,
          pictures: Mapping[str, near_pairs.Pictures],
          settings: Settings = Settings()) -> dict[str, np.ndarray]:
  """Parameters by path: linear maps, and the cells of the location tower."""
  maps = near_pairs.fit(pictures, model.dim, settings.pairs)
  params = {}
  if model.linear:
    for source, linear in maps.items():
      params[f'linear_{source}/kernel'] = linear.kernel
      params[f'linear_{source}/bias'] = linear.bias
  options = model.location_options
  if options.get('cells_km'):
    z = np.concatenate([_unit(rows.features, maps[source])
                        for source, rows in pictures.items()])
    xyz = np.concatenate([rows.xyz for rows in pictures.values()])
    table = place_means.fit(xyz, z, options['cells_km'],
                            options['num_slots'], settings.prior_rows)
    params[f'{_CELLS}/owner'] = table.owner
    params[f'{_CELLS}/mean'] = table.mean
  return params


def begin(state: states.TrainState,
          solved: Mapping[str, np.ndarray]) -> states.TrainState:
  """The state with those parameters, each where its like was."""
  return state.replace(params=_with(state.params, solved),
                       ema=_with(state.ema, solved))


def _with(params: Any, solved: Mapping[str, np.ndarray]) -> Any:
  flat = traverse_util.flatten_dict(params, sep='/')
  for name, values in solved.items():
    if flat[name].shape != values.shape:
      raise ValueError(f'{name}: solved {values.shape}, the model has '
                       f'{flat[name].shape}')
    flat[name] = jax.device_put(values, flat[name].sharding)
  return traverse_util.unflatten_dict(flat, sep='/')


def _unit(features: Float[np.ndarray, 'n f'],
          linear: near_pairs.Map) -> Float[np.ndarray, 'n d']:
  z = np.asarray(features, np.float32) @ linear.kernel + linear.bias
  return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-8)
