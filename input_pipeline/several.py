"""Batches of several sources, as one stream."""

from collections.abc import Mapping
from typing import Any

from input_pipeline import pipeline
import numpy as np


class Several:
  """Each next is {source: its next batch}; each source has its own order."""

  def __init__(self, pipelines: Mapping[str, pipeline.Pipeline],
               num_threads: int = 2, read_ahead: int = 4):
    self._pipelines = dict(pipelines)
    self._batches = {source: pipeline.Batches(part, num_threads, read_ahead)
                     for source, part in self._pipelines.items()}
    self.rows_per_step = sum(part.batch_size for part in pipelines.values())

  def __iter__(self) -> 'Several':
    return self

  def __next__(self) -> dict[str, pipeline.Batch]:
    return {source: next(batches) for source, batches in self._batches.items()}

  def state(self) -> dict[str, Any]:
    """The position of each source with the fingerprint of its stream."""
    return {source: batches.state()
            for source, batches in self._batches.items()}

  def restore(self, state: Mapping[str, Any]) -> None:
    """Continues after the batches of `state`; refuses other streams."""
    if set(state) != set(self._batches):
      raise ValueError(
          f'data pipeline fingerprint differs (sources {sorted(state)} → '
          f'{sorted(self._batches)}); resume with the sources the run began '
          f'with, or begin a new one in another workdir')
    for source, batches in self._batches.items():
      batches.restore(state[source])

  def describe(self, batch: Mapping[str, Mapping[str, np.ndarray]]) -> dict[
      str, list[str]]:
    """The ids of a batch by source, for messages."""
    return {source: self._pipelines[source].source.photos.ids[
        rows['row']].tolist() for source, rows in batch.items()}
