"""Answers as KML 2.2, which globes and maps open.

A folder for each photo: its answer, the circle that holds the truth of 90 % of
such photos, and folders of candidates and evidence that are switched off. What
a balloon shows is HTML to the programs, so it is escaped twice.
"""

from collections.abc import Iterable, Iterator, Mapping
import html
from typing import Any
from xml.etree import ElementTree as ET

from pinpoint_jax.answer import records
from pinpoint_jax.geo import geojson, regions
from pinpoint_jax.report import answer_columns

_HEAD = '''<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Style id="answer"><IconStyle><color>ff3c14dc</color></IconStyle></Style>
<Style id="abstained"><IconStyle><color>803c14dc</color></IconStyle></Style>
<Style id="radius"><LineStyle><color>ff3c14dc</color></LineStyle>
<PolyStyle><color>263c14dc</color></PolyStyle></Style>
<Style id="candidate"><IconStyle><color>ff00a5ff</color></IconStyle></Style>
<Style id="evidence"><IconStyle><color>ffb48246</color></IconStyle></Style>
<Style id="exif"><IconStyle><color>ff808080</color></IconStyle></Style>
'''


def lines(answers: Iterable[records.Answer]) -> Iterator[str]:
  """The whole file, a photo at a time."""
  yield _HEAD
  for answer in answers:
    text = ET.tostring(_folder(answer), encoding='unicode')
    # A parser reads a bare \r as \n.
    yield text.replace('\r', '&#13;') + '\n'
  yield '</Document></kml>\n'


def bad(character: str) -> bool:
  """Whether XML 1.0 has no way to write it."""
  return (character < ' ' and character not in '\t\n\r'
          or character in '\ufffe\uffff'
          or answer_columns.is_surrogate(character))


def _folder(answer: records.Answer) -> ET.Element:
  folder = ET.Element('Folder')
  _text(folder, 'name', answer.id)
  columns = answer_columns.row(answer)
  place = answer_columns.latlng_deg(answer)
  _placemark(folder, 'answer', answer.id, columns, place,
             style='abstained' if answer.abstained else '')
  radius_km = answer_columns.drawn_radius_km(answer)
  if radius_km is not None:
    mark = _placemark(folder, 'radius', f'{answer.id}: radius', {
        'radius_km': radius_km, 'share': answer_columns.RADIUS_SHARE}, None)
    _area(mark, regions.Circle(place, radius_km))
  _rows(folder, 'candidate', 'Candidates', [
      (c.id, {'rank': rank, 'source': c.source, 'share': c.share,
              'channels': ', '.join(c.channels)}, c.latlng_deg)
      for rank, c in enumerate(answer.candidates, 1)])
  _rows(folder, 'evidence', 'Evidence', [
      (e.id, {'rank': rank, 'source': e.source, 'dist_km': e.dist_km,
              'similarity': e.similarity, 'author': e.author,
              'licence': e.licence, 'sequence': e.sequence}, e.latlng_deg)
      for rank, e in enumerate(answer.evidence, 1)])
  if answer.exif_latlng_deg is not None:
    _placemark(folder, 'exif', f'{answer.id}: EXIF', {},
               answer.exif_latlng_deg)
  return folder


def _rows(parent: ET.Element, role: str, title: str,
          rows: list[tuple[str, dict[str, Any], tuple[float, float]]]) -> None:
  if not rows:
    return
  folder = ET.SubElement(parent, 'Folder')
  _text(folder, 'name', title)
  _text(folder, 'visibility', '0')
  for name, values, latlng_deg in rows:
    _placemark(folder, role, name, values, latlng_deg, visible=False)


def _placemark(parent: ET.Element, role: str, name: str,
               values: Mapping[str, Any],
               latlng_deg: tuple[float, float] | None,
               visible: bool = True, style: str = '') -> ET.Element:
  """Children stand in the order of the KML schema; style: '' is the role's."""
  mark = ET.SubElement(parent, 'Placemark')
  _text(mark, 'name', name)
  if not visible:
    _text(mark, 'visibility', '0')
  shown = {key: value for key, value in values.items()
           if value is not None and value != ''}
  _text(mark, 'description', '<br>'.join(
      html.escape(f'{key}: {_number(value)}') for key, value in shown.items()))
  _text(mark, 'styleUrl', f'#{style or role}')
  extended = ET.SubElement(mark, 'ExtendedData')
  for key, value in {'role': role, **shown}.items():
    data = ET.SubElement(extended, 'Data', name=key)
    _text(data, 'value', str(value))
  if latlng_deg is not None:
    lat, lng = latlng_deg
    _text(ET.SubElement(mark, 'Point'), 'coordinates', f'{lng},{lat}')
  return mark


def _area(mark: ET.Element, region: regions.Region) -> None:
  """One polygon, or several where it is cut at the antimeridian."""
  shape = geojson.geometry(region)
  polygons = ([shape['coordinates']] if shape['type'] == 'Polygon'
              else shape['coordinates'])
  parent = mark if len(polygons) == 1 else ET.SubElement(mark, 'MultiGeometry')
  for rings in polygons:
    polygon = ET.SubElement(parent, 'Polygon')
    _text(polygon, 'tessellate', '1')
    for i, ring in enumerate(rings):
      side = 'innerBoundaryIs' if i else 'outerBoundaryIs'
      boundary = ET.SubElement(polygon, side)
      _text(ET.SubElement(boundary, 'LinearRing'), 'coordinates',
            ' '.join(f'{lng},{lat}' for lng, lat in ring))


def _text(parent: ET.Element, tag: str, text: str) -> None:
  ET.SubElement(parent, tag).text = answer_columns.clean(text, bad)


def _number(value: Any) -> str:
  return f'{value:.6g}' if isinstance(value, float) else str(value)
