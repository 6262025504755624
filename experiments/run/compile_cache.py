"""Compiled programs, kept for the next start: it need not compile again.

They lie in the user's cache folder ($XDG_CACHE_HOME or ~/.cache), in a folder
for this kind of processor. PINPOINT_COMPILE_CACHE=off keeps none, and a path
there, or jax's own JAX_COMPILATION_CACHE_DIR, keeps them elsewhere.
"""

import hashlib
import os
import pathlib
import platform
import sys

ENV = 'PINPOINT_COMPILE_CACHE'
OFF = 'off'
# What has not been used for longest goes, at every start.
MOST_BYTES = 2 * 2**30
_DIR = 'jax_compilation_cache_dir'
# What compiles in less is compiled again: it costs as much to read.
_LEAST_S = 0.1


def begin() -> None:
  """From now on jax keeps what it compiles and finds what was kept."""
  wanted = os.environ.get(ENV, '')
  if wanted == OFF or os.environ.get(_DIR.upper()):
    return
  folder = pathlib.Path(wanted).absolute() if wanted else default_folder()
  try:
    folder.mkdir(parents=True, exist_ok=True)
    bound(folder, MOST_BYTES)
  except OSError as error:
    print(f'note: compiled programs are not kept ({folder}: {error.strerror}); '
          f'{ENV}={OFF}, or a folder there, saves this line', file=sys.stderr)
    return
  _set({_DIR: str(folder),
        'jax_persistent_cache_min_compile_time_secs': _LEAST_S,
        'jax_persistent_cache_min_entry_size_bytes': -1})


def default_folder() -> pathlib.Path:
  """Where they lie if nobody says otherwise."""
  base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(base) / 'pinpoint_jax' / 'compiled' / _processor()


def bound(folder: pathlib.Path, most_bytes: int) -> None:
  """Removes compiled programs, those unused for longest, down to a size."""
  held = []
  for path in folder.glob('*-cache'):
    try:
      about = path.stat()
    except FileNotFoundError:  # Another start has removed it.
      continue
    held.append((max(about.st_atime, about.st_mtime), about.st_size, path))
  size = sum(one[1] for one in held)
  for _, num_bytes, path in sorted(held):
    if size <= most_bytes:
      return
    path.unlink(missing_ok=True)
    size -= num_bytes


def _processor() -> str:
  """A name for what this machine can run: homes are shared between machines."""
  about = platform.machine()
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    about += ''.join(sorted({line for line in lines if line.startswith(
        ('flags', 'Features', 'model name'))}))
  except OSError:  # Not Linux.
    about += platform.processor()
  return hashlib.sha256(about.encode()).hexdigest()[:12]


def _set(settings: dict[str, str | float | int]) -> None:
  # For processes that this one starts, and where jax is not yet imported: a
  # binary that needs none does not wait for it.
  os.environ.update({name.upper(): str(value)
                     for name, value in settings.items()})
  if 'jax' in sys.modules:
    for name, value in settings.items():
      sys.modules['jax'].config.update(name, value)
