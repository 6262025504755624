"""Optimisers by name, with warm-up, cosine, clipping and weight decay."""

from collections.abc import Callable, Sequence
import dataclasses
import re
from typing import Any

import jax
import optax
from pinpoint_jax.parallel import rules

NAMES = ('adamw', 'lion', 'muon')


@dataclasses.dataclass(frozen=True)
class Settings:
  """How parameters move; every field is a config field.

  Attributes:
    name: adamw, lion or muon.
    learning_rate: at the end of the warm-up.
    warmup: share of the steps in which the rate rises from 0.
    final_rate: share of the learning rate that the cosine ends at.
    b1, b2: momentum of the gradient and of its square.
    weight_decay: per unit of learning rate.
    no_decay: patterns of parameters without weight decay.
    frozen: patterns of parameters that do not move at all.
    clip: largest norm of the gradient.
  """

  name: str = 'adamw'
  learning_rate: float = 1e-3
  warmup: float = 0.03
  final_rate: float = 0.0
  b1: float = 0.9
  b2: float = 0.95
  weight_decay: float = 0.05
  no_decay: Sequence[str] = (
      r'norm', r'bias', r'temperature', r'fourier', r'bank')
  frozen: Sequence[str] = ()
  clip: float = 1.0


def schedule(settings: Settings, num_steps: int) -> optax.Schedule:
  """Learning rate by step."""
  warmup = max(1, round(settings.warmup * num_steps))
  return optax.warmup_cosine_decay_schedule(
      0., settings.learning_rate, warmup, max(num_steps, warmup + 1),
      end_value=settings.final_rate * settings.learning_rate)


def make(settings: Settings, num_steps: int) -> optax.GradientTransformation:
  """The optimiser; patterns are matched against paths of parameters."""
  rate = schedule(settings, num_steps)
  chain = optax.chain(optax.clip_by_global_norm(settings.clip),
                      _method(settings, rate))
  if not settings.frozen:
    return chain
  moving = matching(settings.frozen, negate=True)
  label = lambda params: jax.tree.map(
      lambda moves: 'moves' if moves else 'frozen', moving(params))
  return optax.multi_transform(
      {'moves': chain, 'frozen': optax.set_to_zero()}, label)


def _method(settings: Settings,
            rate: optax.Schedule) -> optax.GradientTransformation:
  decayed = matching(settings.no_decay, negate=True)
  if settings.name == 'adamw':
    return optax.adamw(rate, settings.b1, settings.b2,
                       weight_decay=settings.weight_decay, mask=decayed)
  if settings.name == 'lion':
    return optax.lion(rate, settings.b1, settings.b2,
                      weight_decay=settings.weight_decay, mask=decayed)
  if settings.name == 'muon':
    return optax.contrib.muon(
        rate, adam_b1=settings.b1, adam_b2=settings.b2,
        weight_decay=settings.weight_decay, weight_decay_mask=decayed,
        muon_weight_dimension_numbers=_matrices)
  raise ValueError(f'optimizer {settings.name!r}: choices are {NAMES}')


def _matrices(params: Any) -> Any:
  """For muon: which axes of a parameter are a matrix; None for adam.

  That is all with two axes, and the matrices of a stack one by one.
  """
  one = optax.contrib.MuonDimensionNumbers(0, 1)
  stacked = optax.contrib.MuonDimensionNumbers(1, 2)
  def axes(path: Any, x: Any) -> Any:
    if re.search(r'(^|/)layers/(up|down)/kernel$', rules.path_name(path)):
      return stacked
    return one if x.ndim == 2 else None
  return jax.tree_util.tree_map_with_path(axes, params)


def matching(patterns: Sequence[str],
             negate: bool = False) -> Callable[[Any], Any]:
  """A function from a tree to whether each path matches a pattern."""
  def matches(path: Any, _: Any) -> bool:
    name = rules.path_name(path)
    return any(re.search(p, name) for p in patterns) != negate
  return lambda tree: jax.tree_util.tree_map_with_path(matches, tree)
