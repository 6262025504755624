"""Answers as GeoJSON (RFC 7946), a feature a line.

Every feature has a `role`: answer (a point; without geometry where there is no
answer), radius (the circle that holds the truth of 90 % of such photos),
candidate, evidence, and exif (what the file itself says, if it was asked for).
All but answers name their photo as `photo`.
"""

from collections.abc import Iterable, Iterator, Mapping
import json
import math
from typing import Any

from pinpoint_jax.answer import records
from pinpoint_jax.geo import geojson, regions
from pinpoint_jax.report import answer_columns


def lines(answers: Iterable[records.Answer]) -> Iterator[str]:
  """A FeatureCollection; only ASCII, other characters are escaped."""
  yield '{"type": "FeatureCollection", "features": ['
  mark = '\n'
  for answer in answers:
    for feature in features(answer):
      yield mark + json.dumps(feature, allow_nan=False)
      mark = ',\n'
  yield '\n]}\n'


def features(answer: records.Answer) -> Iterator[dict[str, Any]]:
  """The answer, its circle, candidates and evidence."""
  place = answer_columns.latlng_deg(answer)
  columns = answer_columns.row(answer)
  about = {name: columns[name] for name in columns.keys() - {
      'lat', 'lng', 'exif_lat', 'exif_lng'}}
  yield _feature(place and _point(place), 'answer', {
      name: value for name, value in columns.items() if name in about})
  radius_km = answer_columns.drawn_radius_km(answer)
  if radius_km is not None:
    yield _feature(
        geojson.geometry(regions.Circle(place, radius_km)), 'radius', {
            'photo': answer.id, 'radius_km': radius_km,
            'share': answer_columns.RADIUS_SHARE})
  for rank, candidate in enumerate(answer.candidates, 1):
    yield _feature(_point(candidate.latlng_deg), 'candidate', {
        'photo': answer.id, 'rank': rank, 'id': candidate.id,
        'source': candidate.source, 'channels': ', '.join(candidate.channels),
        'score': candidate.score, 'share': candidate.share})
  for rank, row in enumerate(answer.evidence, 1):
    yield _feature(_point(row.latlng_deg), 'evidence', {
        'photo': answer.id, 'rank': rank, 'id': row.id, 'source': row.source,
        'dist_km': row.dist_km, 'similarity': row.similarity,
        'author': row.author, 'licence': row.licence,
        'sequence': row.sequence})
  if answer.exif_latlng_deg is not None:
    yield _feature(_point(answer.exif_latlng_deg), 'exif',
                   {'photo': answer.id})


def _feature(geometry: Mapping[str, Any] | None, role: str,
             properties: Mapping[str, Any]) -> dict[str, Any]:
  return {'type': 'Feature', 'geometry': geometry,
          'properties': {'role': role} | {
              name: _value(name, value) for name, value in properties.items()}}


def _value(name: str, value: Any) -> Any:
  """What JSON can hold: a figure that is not finite is null."""
  if isinstance(value, float):
    return value if math.isfinite(value) else None
  if isinstance(value, str) and name not in ('id', 'photo'):
    return answer_columns.clean(value, answer_columns.is_surrogate)
  return value


def _point(latlng_deg: tuple[float, float]) -> dict[str, Any]:
  lat, lng = map(float, latlng_deg)
  return {'type': 'Point', 'coordinates': [lng, lat]}
