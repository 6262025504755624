"""Which rows of one table do not come from the same code, model and data."""

import collections
from collections.abc import Mapping, Sequence
import json
from typing import Any

Row = Mapping[str, Any]
Origin = Mapping[str, str]
# Of `provenance`, and of what it says of data; answers differ by system.
_FIELDS = ('git', 'model', 'gallery')
_OF_DATA = ('queries', 'truth', 'rerankers')


def of(row: Row) -> Origin:
  """What a row of results.json says of where it is from; '' is left out."""
  said = row['provenance']
  data = said.get('data') or {}
  if not isinstance(data, Mapping):
    data = {'queries': data}
  values = [(name, said.get(name)) for name in _FIELDS
            # A file of predictions names its system and knows no model.
            if (name, said.get(name)) != ('model', row['system'])]
  values += [(name, data.get(name)) for name in _OF_DATA]
  return {name: _text(value) for name, value in values if value}


def most_common(rows: Sequence[Row]) -> Origin:
  """The origin of most rows, the first of those of equally many."""
  counted = collections.Counter(tuple(of(row).items()) for row in rows)
  return dict(counted.most_common(1)[0][0]) if counted else {}


def differences(row: Row, reference: Origin) -> list[str]:
  """What is not as in `reference`; what one of them does not say is alike."""
  return [f'{name} {value}, not {reference[name]}'
          for name, value in of(row).items()
          if name in reference and value != reference[name]]


def _text(value: Any) -> str:
  return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
