"""An answer as named values: what tables and maps show of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from pinpoint_jax.answer import records
from pinpoint_jax.evals import metrics
from pinpoint_jax.geo import coords

# Of how many photos the radius that files name and maps draw holds the truth.
RADIUS_SHARE = 0.9
_NUM_EXAMPLES = 3


def row(answer: records.Answer) -> dict[str, Any]:
  """Values by column, None where there is none."""
  place = answer.places or records.Place('', '', '', 0.)
  lat, lng = latlng_deg(answer) or (None, None)
  values = {'id': answer.id, 'lat': lat, 'lng': lng, 'task': answer.task,
            'system': answer.system}
  for km in metrics.THRESHOLDS_KM:
    values[f'confidence_{km}km'] = answer.confidence.get(km)
  values |= {
      f'radius_km_{RADIUS_SHARE:g}': radius_km(answer), 'city': place.city,
      'region': place.region, 'country': place.country,
      'warnings': '; '.join(answer.warnings)}
  if answer.abstained is not None:
    values['abstained'] = answer.abstained
  if answer.exif_latlng_deg is not None:
    values['exif_lat'], values['exif_lng'] = answer.exif_latlng_deg
  return values


def latlng_deg(answer: records.Answer) -> tuple[float, float] | None:
  """The place, checked; None without an answer."""
  if answer.latlng_deg is None:
    return None
  coords.check_latlng_deg(np.asarray([answer.latlng_deg]),
                          f'answer of {answer.id!r}', allow_null_island=True)
  lat, lng = answer.latlng_deg
  return float(lat), float(lng)


def radius_km(answer: records.Answer) -> float | None:
  """The radius of RADIUS_SHARE to a metre; None without answer or calibration.
  """
  if answer.latlng_deg is None or answer.reach is None:
    return None
  return round(answer.radius_km(RADIUS_SHARE), 3)


def drawn_radius_km(answer: records.Answer) -> float | None:
  """As `radius_km`; None where a circle would be a point or the Earth."""
  radius = radius_km(answer)
  drawn = radius is not None and 0 < radius < records.FARTHEST_KM
  return radius if drawn else None


def is_surrogate(character: str) -> bool:
  """Half of a character: bytes of a file name that are no UTF-8."""
  return '\ud800' <= character <= '\udfff'


def refuse_ids(ids: Iterable[str], where: str,
               bad: Callable[[str], bool]) -> None:
  """Refuses ids with a character that the file cannot hold, in one line."""
  refused = [id_ for id_ in ids if any(map(bad, id_))]
  if refused:
    raise ValueError(
        f'{where} cannot hold every character of {len(refused)} ids: rename '
        f'those files, or write .json or .jsonl: {named(refused)}')


def named(ids: Sequence[str]) -> str:
  """The first few ids on one line, whatever they hold."""
  shown = ', '.join(ascii(id_) for id_ in ids[:_NUM_EXAMPLES])
  return shown + (', …' if len(ids) > _NUM_EXAMPLES else '')


def clean(text: str, bad: Callable[[str], bool]) -> str:
  """Text for reading, U+FFFD in place of what the file cannot hold."""
  return ''.join('\ufffd' if bad(c) else c for c in text)
