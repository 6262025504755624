"""Text columns of a store: one name per line, or codes into such lines."""

from collections.abc import Sequence

from jaxtyping import Int
import numpy as np
from pinpoint_jax import types


def check_names(names: types.Strings, where: str) -> None:
  """Refuses a name that is empty, more than a line, or no Unicode."""
  known = names.tolist()
  if not _are_lines(known):
    bad = [name for name in known if not _are_lines([name])]
    raise ValueError(f'{where}: {len(bad)} names do not fit on a line of '
                     f'their own, the first is {bad[0]!r}; rename them')


def check_ids(ids: types.Strings, where: str) -> None:
  """As `check_names`; refuses repeated ids too."""
  check_names(ids, where)
  names, counts = np.unique(ids, return_counts=True)
  repeated = names[counts > 1]
  if len(repeated):
    raise ValueError(
        f'{where} has {len(repeated):,} duplicate ids, the first is '
        f'{str(repeated[0])!r}; rename or remove the repetitions, or read the '
        f'data set with duplicates=first where it has that option')


def encode(names: types.Strings) -> tuple[Int[np.ndarray, 'n'], types.Strings]:
  """Codes into a sorted list of names; '' is -1."""
  known, codes = np.unique(names, return_inverse=True)
  if len(known) and known[0] == '':
    return (codes - 1).astype('<i4'), known[1:]
  return codes.astype('<i4'), known


def decode(codes: Int[np.ndarray, 'n'], known: Sequence[str]) -> types.Strings:
  """The names behind codes."""
  # The last stands for -1, unknown.
  return np.asarray([*known, ''], np.str_)[codes]


def to_lines(names: types.Strings) -> bytes:
  """One name per line, UTF-8."""
  return ''.join(f'{name}\n' for name in names.tolist()).encode()


def from_lines(data: bytes, where: str) -> list[str]:
  """The names in lines of text."""
  try:
    return data.decode().splitlines()
  except UnicodeDecodeError as error:
    raise ValueError(f'{where} is no UTF-8: byte {error.start:,} is '
                     f'{data[error.start]:#x}') from error


def _are_lines(names: list[str]) -> bool:
  # Surrogates are what Python makes of file names that are no UTF-8.
  text = '\n'.join(names)
  try:
    text.encode()
  except UnicodeEncodeError:
    return False
  return text.splitlines() == names and '' not in names
