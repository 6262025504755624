"""Which checkpoints stay, in words that Orbax does not misunderstand."""

from collections.abc import Callable
import dataclasses
import datetime

import orbax.checkpoint as ocp
from pinpoint_jax.train.checkpoints import folder


@dataclasses.dataclass(frozen=True)
class Keep:
  """Which checkpoints stay: the last ones, and others for good."""
  last: int = 3
  every_steps: int | None = None
  every_hours: float | int | None = None

  def __post_init__(self):
    """Refuses what Orbax would take for "keep nothing" or "keep all"."""
    if self.last < 1:
      raise ValueError(f'keep.last is {self.last}: keep at least 1 checkpoint')
    if self.every_steps is not None and self.every_steps < 1:
      raise ValueError(f'keep.every_steps is {self.every_steps}: set None, or '
                       'at least 1')
    if self.every_hours is not None and self.every_hours * 3600 < 1:
      raise ValueError(f'keep.every_hours is {self.every_hours}: set None, or '
                       'at least one second, 1 / 3600')


def options(
    keep: Keep, seal: Callable[[], None]) -> ocp.CheckpointManagerOptions:
  """Orbax's options; it calls `seal` before it commits a step."""
  hours = keep.every_hours
  return ocp.CheckpointManagerOptions(
      max_to_keep=keep.last, keep_period=keep.every_steps,
      keep_time_interval=hours and datetime.timedelta(hours=hours),
      todelete_subdir=folder.DELETED,
      async_options=ocp.AsyncOptions(post_finalization_callback=seal))
