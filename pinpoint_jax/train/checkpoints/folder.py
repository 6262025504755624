"""The folder of checkpoints: its steps, its leftovers, its broken steps."""

import pathlib
import shutil

from pinpoint_jax.disk import files
from pinpoint_jax.train.checkpoints import step_sums

# Orbax renames old steps into here, for removal by `sweep`: a step that is
# removed in place and half gone when the process dies looks like a broken one.
DELETED = '.deleted'
BAD = 'bad'
_UNFINISHED = '.orbax-checkpoint-tmp'


def steps(folder: pathlib.Path) -> list[int]:
  """The steps that Orbax committed, oldest first."""
  return sorted(
      int(path.name) for path in folder.iterdir()
      if path.name.isdecimal() and path.is_dir())


def unfinished(folder: pathlib.Path, step: int) -> pathlib.Path:
  """Where Orbax gathers a step before it commits it."""
  return folder / f'{step}{_UNFINISHED}'


def clean(folder: pathlib.Path) -> None:
  """Removes what killed or failed saves and removals left behind."""
  sweep(folder)
  for path in folder.glob(f'*{_UNFINISHED}*'):
    shutil.rmtree(path)


def sweep(folder: pathlib.Path) -> None:
  """Removes the steps that Orbax took out of the folder."""
  if (folder / DELETED).exists():
    shutil.rmtree(folder / DELETED)


def newest_good(folder: pathlib.Path) -> tuple[int | None, list[str]]:
  """The newest step whose files are all as written, and faults of newer ones.

  Faulty steps are set aside, unless no step is good: then nothing is touched,
  so that no later run takes the folder for an empty one.
  """
  warnings = []
  bad = []
  for step in reversed(steps(folder)):
    found = step_sums.faults(folder / str(step))
    if not found:
      aside = [str(_set_aside(folder, other)) for other in bad]
      return step, [*warnings, *(f'set aside as {path}' for path in aside)]
    warnings.extend(found)
    bad.append(step)
  return None, warnings


def _set_aside(folder: pathlib.Path, step: int) -> pathlib.Path:
  aside = folder / BAD / str(step)
  if aside.exists():
    shutil.rmtree(aside)
  aside.parent.mkdir(exist_ok=True)
  (folder / str(step)).rename(aside)
  files.sync_folder(folder)
  return aside
