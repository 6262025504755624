"""What every data set looks like from outside: a table and bytes by row."""

from typing import Protocol, runtime_checkable

from pinpoint_jax import types


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
