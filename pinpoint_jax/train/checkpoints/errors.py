"""What Orbax reports when it fails, said once and in one line."""

from collections.abc import Iterator
import contextlib
import errno
import logging
import os
import pathlib
import re

from pinpoint_jax.disk import files

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_CODE = re.compile(r"os_error_code='(\d+)'")


@contextlib.contextmanager
def naming_full_disk(path: pathlib.Path, needed: int) -> Iterator[None]:
  """Turns a full disk, as tensorstore words it, into an error with bytes."""
  with files.refusing_full_disk(path, needed):
    try:
      yield
    except ValueError as error:
      # tensorstore raises ValueError for everything that the disk refuses.
      code = _CODE.search(str(error))
      if code is None or int(code[1]) not in _FULL:
        raise
      raise OSError(int(code[1]), os.strerror(int(code[1]))) from error


def keep_orbax_quiet() -> None:
  """Drops the tracebacks Orbax logs of the errors that it raises as well."""
  logger = logging.getLogger('absl')
  if _worth_showing not in logger.filters:
    logger.addFilter(_worth_showing)


def _worth_showing(record: logging.LogRecord) -> bool:
  return not ('orbax' in record.pathname and record.exc_info)
