"""What every data set looks like from outside: a table and bytes by row."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Protocol, runtime_checkable

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types

# Of pictures and features that our own code made up.
SYNTHETIC_LICENCE = 'synthetic, Apache-2.0'


@runtime_checkable
class PhotoSource(Protocol):
  """Photos in a fixed order, and the bytes of any of them.

  Random access, safe to pickle, cheap to open again in a worker process; file
  handles are opened lazily and never travel. Reading a photo that cannot be
  had raises `decode.BadImage` with a one-word reason, so that the caller can
  quarantine it and go on; a broken archive raises OSError or ValueError.
  """

  photos: types.Photos
  notes: tuple[str, ...]

  def read(self, row: int) -> bytes:
    """The image file of that row, as its owner published it."""
    ...


@dataclasses.dataclass(frozen=True)
class Subset:
  """Some rows of a source, in the order given, as a source.

  Attributes:
    whole: the source.
    rows: which of its rows, [n].
  """

  whole: PhotoSource
  rows: Int[np.ndarray, 'n']

  @functools.cached_property
  def photos(self) -> types.Photos:
    """The table of those rows."""
    return self.whole.photos.take(self.rows)

  @functools.cached_property
  def extra(self) -> Mapping[str, types.Strings]:
    """The further columns of those rows, where the source has some."""
    columns = getattr(self.whole, 'extra', {})
    return {name: columns[name][self.rows] for name in columns}

  @property
  def notes(self) -> tuple[str, ...]:
    """Those of the source, and how many rows are taken."""
    return (*self.whole.notes, f'{len(self.rows)} of {len(self.whole.photos)} '
            f'photos taken, the others left out')

  def read(self, row: int) -> bytes:
    """The image file of that row."""
    return self.whole.read(int(self.rows[row]))
