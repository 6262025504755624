"""What an extraction is about: nobody goes on with the shards of another."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

from pinpoint_jax.disk import files

NAME = 'job.json'


def check(workdir: pathlib.Path, job: Mapping[str, Any]) -> None:
  """Writes the job down, or refuses one that differs from what is written."""
  path = workdir / NAME
  if not path.is_file():
    files.write_json_once(path, job)
  saved = json.loads(path.read_text())
  changed = [f'{name} {saved.get(name)} → {value}'
             for name, value in job.items() if saved.get(name) != value]
  if changed:
    raise ValueError(
        f'{workdir} belongs to another extraction ({", ".join(changed)}); '
        f'continue with what it began with, or use another workdir')
