"""What a run writes down about itself: config, revision, versions, seeds."""

import hashlib
from importlib import metadata
import json
import pathlib
import platform
import subprocess
import sys
from typing import Any

from experiments.run import config_file
from ml_collections import config_dict
from pinpoint_jax.disk import files

_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'numpy',
             'scipy', 'pillow', 'grain', 'tensorflow-datasets', 'scann',
             'ml_collections', 'absl-py', 'reverse_geocoder')


def write(workdir: pathlib.Path, config: config_dict.ConfigDict | None) -> None:
  """Writes run.json and, where there is a config, config.txt to `workdir`."""
  workdir.mkdir(parents=True, exist_ok=True)
  write_json(workdir / 'run.json', {
      'argv': [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]],
      'git': git_revision(),
      'python': platform.python_version(),
      'platform': platform.platform(),
      'versions': versions(),
      'seeds': seeds(config),
      'config_hash': config_hash(config),
  })
  if config is not None:
    with files.atomic(workdir / 'config.txt') as file:
      file.write(config_file.as_text(config).encode())


def write_json(path: pathlib.Path, value: Any) -> None:
  """Writes strict JSON through a temporary name: whole or not at all."""
  text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
  path.parent.mkdir(parents=True, exist_ok=True)
  with files.atomic(path) as file:
    file.write(f'{text}\n'.encode())


def config_hash(config: config_dict.ConfigDict | None) -> str:
  """Twelve hex digits of the config's sorted text; '' without a config."""
  if config is None:
    return ''
  text = config_file.as_text(config)
  return hashlib.sha256(text.encode()).hexdigest()[:12]


def seeds(config: config_dict.ConfigDict | None) -> dict[str, int]:
  """Every config entry whose last name is `seed` or ends in `_seed`."""
  leaves = {} if config is None else config_file.flatten(config)
  return {k: v for k, v in leaves.items()
          if k.split('.')[-1].split('_')[-1] == 'seed'}


def versions() -> dict[str, str]:
  """Installed version of each package that can change a figure."""
  versions = {}
  for name in _PACKAGES:
    try:
      versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
      versions[name] = 'not installed'
  return versions


def git_revision() -> str:
  """Revision of this checkout, with '+changes' when files differ from it."""
  here = pathlib.Path(__file__).parent
  def git(*words: str) -> str:
    done = subprocess.run(
        ['git', *words], cwd=here, capture_output=True, text=True, check=True)
    return done.stdout.strip()
  try:
    dirty = '+changes' if git('status', '--porcelain') else ''
    return git('rev-parse', 'HEAD')[:12] + dirty
  except (OSError, subprocess.CalledProcessError):
    return 'unknown (no git checkout)'
