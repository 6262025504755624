"""What was read of each photo file, kept so that none is read twice."""

from collections.abc import Mapping
import json
import pathlib

from input_pipeline.datasets.own_photos import Facts
from pinpoint_jax.disk import files

_VERSION = 1


def load(path: pathlib.Path) -> dict[str, Facts]:
  """Facts by path; none where the file is absent, broken or another version's:
  then all photos are read again."""
  try:
    saved = json.loads(path.read_text(encoding='utf-8'))
    if saved['version'] != _VERSION:
      return {}
    return {name: Facts(tuple(stamp), digest, place and tuple(place), day)
            for name, (stamp, digest, place, day) in saved['files'].items()}
  except (OSError, ValueError, KeyError, TypeError):
    return {}


def save(path: pathlib.Path, facts: Mapping[str, Facts]) -> None:
  """Keeps facts; of refused files none: a package may be installed for them."""
  saved = {name: (fact.stamp, fact.digest, fact.latlng_deg, fact.day)
           for name, fact in facts.items() if not fact.reason}
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.atomic(path) as file:
    file.write(json.dumps({'version': _VERSION, 'files': saved}).encode())
