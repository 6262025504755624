"""Stored examples by number, as training streams them.

  row = round · queries + query

Vectors are read from the gallery's memory-mapped segments when a batch asks
for them; the light reranker's features were made before and lie in the table.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any

from flax import linen as nn
import jax
from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import parts
from pinpoint_jax.models import layers
from pinpoint_jax.parallel import processes
from pinpoint_jax.rerank import examples, inputs, scoring

# Examples that means and deviations are taken of.
_NUM_FITTED = 2048


@dataclasses.dataclass(frozen=True)
class Proposed:
  """Lists as a search gives them, without deep negatives.

  Attributes:
    shortlist: the candidates that some channel proposed.
    dist_km: how far each is from the truth, inf in padded slots, [b, k].
    columns: of each, as the reranker reads them, [b, k, c].
  """

  shortlist: types.Shortlist
  dist_km: Float[np.ndarray, 'b k']
  columns: Float[np.ndarray, 'b k c']


class ExampleRows:
  """Examples of a module: what it scores, and how far each candidate is."""

  def __init__(self, table: parts.Table, labeled: examples.LabeledQueries,
               reader: inputs.Reader, module: nn.Module,
               groups: Sequence[str]):
    """groups: columns that the module's reranker reads."""
    self._table, self._labeled = table, labeled
    self._reader, self._module, self._groups = reader, module, groups

  def __len__(self) -> int:
    return len(self._table)

  def __getitem__(self, row: int) -> Any:
    return self.__getitems__([row])

  def __getitems__(
      self, rows: Sequence[int] | Int[np.ndarray, 'n']) -> dict[str, Any]:
    """A Batch of those rows, km to the truth [b, k] and the rows [b]."""
    rows = np.asarray(rows, np.int64)
    columns = self._table.take(rows)
    queries = self._labeled.vectors.take(rows % len(self._labeled))
    return {'batch': self._reader.batch(
        self._module, queries, examples.from_columns(columns), self._groups),
            'dist_km': columns['dist_km'], 'row': rows}

  def fingerprint(self) -> str:
    """Changes with any example."""
    return self._table.fingerprint

  def ids(self, rows: np.ndarray) -> list[str]:
    """Ids of the queries of those rows."""
    return self._labeled.photos.ids[rows % len(self._labeled)].tolist()

  def photos(self, rows: np.ndarray) -> types.Photos:
    """The queries of those rows."""
    return self._labeled.photos.take(rows % len(self._labeled))

  def proposed(self, most: int) -> Proposed:
    """Lists of the first round, of at most so many queries, evenly spread."""
    stored = self._table.take(
        blocks.evenly_spread(len(self._labeled), most))
    real = (stored['ranks'] >= 0).any(axis=-1)
    stored['rows'] = np.where(real, stored['rows'], -1)
    stored['similarities'] = np.where(
        real[..., None], stored['similarities'], -np.inf)
    context = examples.from_columns(stored)
    return Proposed(
        context.shortlist, np.where(real, stored['dist_km'], np.inf),
        context.columns(self._groups))


def make(folder: parts.Folder, builder: examples.ExampleBuilder,
         reader: inputs.Reader, module: nn.Module,
         labeled: examples.LabeledQueries, groups: Sequence[str],
         done: Callable[[int], None] = lambda _: None,
         stopping: Callable[[], bool] = lambda: False) -> ExampleRows:
  """Makes the parts that are not there yet, then opens all of them.

  Several processes make a block of queries each, then the next ones. `done`
  hears how many examples are there, as they come. If `stopping()` is true
  after a part, on any process, raises parts.Interrupted on all.
  """
  ranges = list(blocks.slices(len(labeled), examples.PART))
  def make_block(i: int) -> bool:
    """The missing parts of a block of queries; whether it was stopped."""
    if i >= len(ranges):
      return False
    # Rows go round by round; a block's rounds are made together.
    number = lambda turn: turn * len(ranges) + i
    missing = [turn for turn in range(builder.rounds)
               if not folder.has(number(turn))]
    # Also where the module reads nothing nearby: others may share the table.
    for turn, context in builder.contexts(
        labeled, ranges[i], missing, with_nearby=not scoring.is_light(module)):
      folder.write(number(turn), _columns(
          builder, reader, module, labeled, ranges[i], context))
      if stopping():
        return True
    return False

  count = jax.process_count()
  for first in range(0, len(ranges), count):
    stopped = processes.together(
        functools.partial(make_block, first + jax.process_index()))
    if any(processes.any_process(stopped)):
      raise parts.Interrupted(
          'stopped while examples were made; those that are there are kept')
    done(builder.rounds * sum(
        at.stop - at.start for at in ranges[first:first + count]))
  return ExampleRows(folder.open(builder.rounds * len(ranges)), labeled, reader,
                     module, groups)


def _columns(builder: examples.ExampleBuilder, reader: inputs.Reader,
             module: nn.Module, labeled: examples.LabeledQueries, at: slice,
             context: inputs.Context) -> dict[str, np.ndarray]:
  if scoring.is_light(module):
    context = dataclasses.replace(context, features=reader.features(context))
  return examples.as_columns(
      context, builder.dist_km(labeled, at, context.shortlist.rows))


def norms(rows: ExampleRows) -> dict[str, Any]:
  """Parameters of the module's Standardise layers, by the layer's name."""
  batch = rows.__getitems__(
      blocks.evenly_spread(len(rows), _NUM_FITTED))['batch']
  if batch.features is not None:
    return {
        'features_norm': layers.fit_standardise(batch.features, batch.valid)
    }
  fitted = {
      'meta_norm': layers.fit_standardise(batch.inputs.meta, batch.valid)}
  support = batch.inputs.support
  near = None if support is None else np.isfinite(
      support.image_sims).any(axis=-1)
  # A gallery of one source has no support anywhere.
  if near is not None and near.any():
    fitted['support_norm'] = layers.fit_standardise(support.scalars, near)
  return fitted
