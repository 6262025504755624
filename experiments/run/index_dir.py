"""What lies in the folder that `pinpoint index` makes."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

INDEX, UNTAGGED, MEMORY = 'index.json', 'untagged.csv', 'photos.json'
GALLERY, MODEL, EMBEDDER = 'gallery', 'model', 'embedder'
FEATURES, WORK = 'features', 'work'


def model_and_gallery(flags: Mapping[str, Any]) -> tuple[str, str]:
  """Both folders, by --index or by --model and --gallery."""
  if not flags['index']:
    return flags['model'], flags['gallery']
  if flags['model'] or flags['gallery']:
    raise ValueError('--index stands for --model and --gallery: leave these, '
                     'or --index, out')
  folder = pathlib.Path(flags['index'])
  if not (folder / INDEX).is_file():
    raise ValueError(f'--index={folder} holds no {INDEX}: name the --out of '
                     f'pinpoint index')
  if not read(folder).get('complete') and not (
      (folder / MODEL).is_dir() and (folder / GALLERY).is_dir()):
    raise ValueError(f'--index={folder} is not finished: run its pinpoint '
                     f'index again')
  return str(folder / MODEL), str(folder / GALLERY)


def read(folder: pathlib.Path) -> dict[str, Any]:
  """index.json; nothing where there is none."""
  path = folder / INDEX
  if not path.exists():
    return {}
  try:
    return dict(json.loads(path.read_text(encoding='utf-8')))
  except (OSError, ValueError, TypeError) as error:
    raise ValueError(f'{path} cannot be read ({error}): remove it, and name '
                     f'another --out') from error
