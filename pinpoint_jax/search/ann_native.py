"""What indices of native libraries share: padding, record, files."""

import abc
from collections.abc import Mapping
import copy
import errno
import pathlib
from typing import Any, ClassVar

from jaxtyping import Float
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.search import ann, ann_files, merge
from pinpoint_jax.search import vectors as vectors_lib


class NativeIndex(abc.ABC):
  """An index of unit vectors by dot product, searched by a native library.

  Attributes:
    engine: name of the library in ann_engines.
    version: of the library.
    settings: how it was built and is searched.
    tuning: why it is so; None where nobody has measured.
  """

  engine: ClassVar[str]
  version: ClassVar[str]
  tuning: Mapping[str, Any] | None = None

  def __init__(self, native: Any, source: ann_files.IndexSource,
               settings: ann.Settings) -> None:
    """Wraps what the library built; None where there are no rows."""
    self._native, self._source = native, source
    self.settings = settings

  @classmethod
  def load(cls, folder: pathlib.Path,
           source: ann_files.IndexSource | None = None) -> 'NativeIndex':
    """Reads an index, refused if damaged or of other vectors than `source`."""
    record = ann_files.read(folder, source)
    ann_files.check_engine(folder, record, cls.engine)
    native = cls._read(folder) if record.source.num_rows else None
    return cls(native, record.source, record.settings).with_tuning(
        record.tuning)

  def __len__(self) -> int:
    return self._source.num_rows

  @property
  def dim(self) -> int:
    """Dimension."""
    return self._source.dim

  def with_effort(self, leaves_to_search: int, reorder: int) -> 'NativeIndex':
    """The same index, searched that hard."""
    return type(self)(self._native, self._source,
                      self.settings.with_effort(leaves_to_search, reorder))

  def with_tuning(self, tuning: Mapping[str, Any] | None) -> 'NativeIndex':
    """The same index, with what its record says of why it is so."""
    other = copy.copy(self)
    other.tuning = tuning
    return other

  def search(self, queries: Float[np.ndarray, 'b d'],
             k: int) -> types.Candidates:
    """Up to k rows per query, best first, ties by row; -1 and -inf pad."""
    vectors_lib.check_queries(queries, self.dim)
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    length = min(k, len(self))
    if len(queries) and length:
      rows[:, :length], nearest_scores = self._nearest(
          np.ascontiguousarray(queries, np.float32), length)
      scores[:, :length] = np.where(
          rows[:, :length] < 0, -np.inf, nearest_scores)
    return merge.order_by_row(rows, scores)

  def save(self, folder: pathlib.Path) -> None:
    """Writes the index whole or not at all."""
    record = ann_files.Record(
        self.engine, self.version, self._source, self.settings, self.tuning)
    ann_files.write(folder, record, self._write_files,
                    needed=4 * len(self) * self.dim)

  def _write_files(self, folder: pathlib.Path) -> None:
    try:
      if len(self):
        self._write(folder)
    except RuntimeError as error:
      # The libraries say only that they could not write.
      raise OSError(errno.ENOSPC, str(error)) from error

  @classmethod
  @abc.abstractmethod
  def _read(cls, folder: pathlib.Path) -> Any:
    """The library's own index, from its files in the folder."""

  @abc.abstractmethod
  def _write(self, folder: pathlib.Path) -> None:
    """Puts the library's files into the folder."""

  @abc.abstractmethod
  def _nearest(self, queries: Float[np.ndarray, 'b d'],
               k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and scores [b, k], best first; row -1 where there are fewer."""
