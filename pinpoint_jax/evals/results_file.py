"""results.json on disk: read, and every row checked before it is used."""

from collections.abc import Mapping
import json
import pathlib
from typing import Any, NoReturn

from pinpoint_jax.evals import metrics, results

# Tells a row from the others of its file.
KEY = (*results.Key._fields, 'distance')
_NAMES = ('table', 'query_source', *KEY, 'num_queries', 'metrics', 'ci95',
          'provenance')
_FIGURES = (*(f'acc@{threshold}km' for threshold in metrics.THRESHOLDS_KM),
            'geoscore', 'mean_km', 'median_km')
_REMEDY = 'evaluate again to have it made'


def read(path: pathlib.Path) -> list[dict[str, Any]]:
  """Rows of a results.json, or of the one in a folder; refuses bad ones."""
  path = path / 'results.json' if path.is_dir() else path
  try:
    rows = json.loads(path.read_text(encoding='utf-8'),
                      parse_constant=_refuse)
  except FileNotFoundError:
    raise ValueError(f'{path} is not there: name files that evaluate, crossval '
                     f'or demo has written, or their folders') from None
  except (ValueError, RecursionError) as error:
    raise ValueError(f'{path} is no results.json: {error}; {_REMEDY}') from None
  if not isinstance(rows, list) or not rows:
    raise ValueError(f'{path} has no row of figures; {_REMEDY}')
  for number, row in enumerate(rows):
    complaint = _complaint(row)
    if complaint:
      raise ValueError(f'{path}: row {number} {complaint}; {_REMEDY}')
  return rows


def _refuse(constant: str) -> NoReturn:
  raise ValueError(f'a figure is {constant}')


def _complaint(row: Any) -> str:
  if not isinstance(row, dict):
    return f'is {str(row)[:40]!r}, not a set of figures'
  missing = [name for name in _NAMES if name not in row]
  if missing:
    return f'has no {missing[0]!r}'
  for name in ('metrics', 'ci95', 'provenance'):
    if not isinstance(row[name], Mapping):
      return f'has {name} {str(row[name])[:40]!r}, not names and values'
  for name in _FIGURES:
    value = row['metrics'].get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
      return f'has {name} {value!r}, not a number'
    if name.startswith('acc@') and not 0 <= value <= 1:
      return f'has {name} {value!r}, not a share'
  return ''
