"""KML that a parser opens, in the order that its schema wants."""

import dataclasses
from xml.etree import ElementTree as ET

import numpy as np
from pinpoint_jax.report import answer_files, answer_kml
import shapely

from tests.fixtures import tiny_answers as tiny

NS = '{http://www.opengis.net/kml/2.2}'
# Children of a Placemark as OGC 07-147r2 orders those that are used.
ORDER = ('name', 'visibility', 'description', 'styleUrl', 'ExtendedData',
         'Point', 'Polygon', 'MultiGeometry')


def parsed(*answers):
  """The root; every placemark has its children in order, its style is there."""
  root = ET.fromstring(''.join(answer_kml.lines(answers)).encode())
  assert root.tag == f'{NS}kml' and [c.tag for c in root] == [f'{NS}Document']
  styles = {f'#{style.get("id")}' for style in root.iter(f'{NS}Style')}
  for mark in root.iter(f'{NS}Placemark'):
    places = [ORDER.index(child.tag.removeprefix(NS)) for child in mark]
    assert places == sorted(places)
    assert mark.find(f'{NS}styleUrl').text in styles
  return root


def marks(root, role):
  return [mark for mark in root.iter(f'{NS}Placemark')
          if values(mark)['role'] == role]


def values(mark):
  return {data.get('name'): data.find(f'{NS}value').text
          for data in mark.iter(f'{NS}Data')}


def rings(mark):
  """Outer rings of a placemark's polygons, each [v, 2] of (lng, lat)."""
  return [np.array([corner.split(',') for corner in polygon.find(
      f'{NS}outerBoundaryIs/{NS}LinearRing/{NS}coordinates').text.split()],
                   float) for polygon in mark.iter(f'{NS}Polygon')]


def test_an_answer_its_circle_and_what_speaks_for_it():
  root = parsed(tiny.answer())
  answer, = marks(root, 'answer')
  assert answer.find(f'{NS}Point/{NS}coordinates').text == '2.3522,48.8566'
  assert values(answer)['confidence_25km'] == '0.625'
  assert 'city: Paris' in answer.find(f'{NS}description').text
  radius, = marks(root, 'radius')
  ring, = rings(radius)
  assert (ring[0] == ring[-1]).all() and shapely.LinearRing(ring).is_ccw
  # 12 km north is the first corner's latitude.
  np.testing.assert_allclose(ring[:, 1].max(), 48.8566 + 12 / 111.195,
                             atol=1e-5)
  assert [m.find(f'{NS}name').text for m in marks(root, 'candidate')] == [
      'p1', 's7']
  evidence, = marks(root, 'evidence')
  assert values(evidence)['licence'] == 'CC BY 4.0'
  assert evidence.find(f'{NS}visibility').text == '0'


def test_an_answer_that_abstains_looks_so_and_says_why():
  answer = dataclasses.replace(tiny.answer(), abstained='too unsure')
  text = ''.join(answer_kml.lines([answer]))
  assert '<styleUrl>#abstained</styleUrl>' in text
  assert 'abstained: too unsure' in text
  sure = ''.join(answer_kml.lines([tiny.answer()]))
  assert '#abstained' not in sure and 'abstained:' not in sure


def test_a_circle_across_the_antimeridian_is_two_polygons():
  radius, = marks(parsed(tiny.answer(latlng_deg=(0., 179.), radius_km=500.)),
                  'radius')
  assert len(radius.findall(f'{NS}MultiGeometry/{NS}Polygon')) == 2
  assert sorted(ring[:, 0].min() for ring in rings(radius))[0] == -180


def test_a_circle_beyond_the_half_has_a_hole():
  radius, = marks(parsed(tiny.answer(latlng_deg=(5., 170.), radius_km=15e3)),
                  'radius')
  # What is left out lies around the antipode, at 5° south and 10° west.
  hole, = radius.iter(f'{NS}innerBoundaryIs')
  corners = np.array([corner.split(',') for corner in hole.find(
      f'{NS}LinearRing/{NS}coordinates').text.split()], float)
  assert not shapely.LinearRing(corners).is_ccw
  assert shapely.Polygon(corners).contains(shapely.Point(-10, -5))


def test_a_photo_without_an_answer_is_a_placemark_without_a_place():
  root = parsed(tiny.unanswered())
  mark, = root.iter(f'{NS}Placemark')
  assert mark.find(f'{NS}name').text == 'black.jpg'
  assert 'all black' in mark.find(f'{NS}description').text
  assert mark.find(f'{NS}Point') is None


def test_hostile_names_survive_and_are_no_markup(tmp_path):
  path = tmp_path / 'a.kml'
  answers = [tiny.answer(id_) for id_ in tiny.HOSTILE_IDS]
  answer_files.write(path, answers)
  root = ET.parse(path).getroot()
  assert tuple(values(mark)['id']
               for mark in marks(root, 'answer')) == tiny.HOSTILE_IDS
  assert tuple(f.find(f'{NS}name').text for f in root.findall(
      f'{NS}Document/{NS}Folder')) == tiny.HOSTILE_IDS
  parsed(*answers)


def test_a_balloon_shows_names_and_runs_none():
  answer, = marks(parsed(tiny.answer('<script>alert(1)</script>')), 'answer')
  # The parser has undone the escape of XML; what is left is for HTML.
  text = answer.find(f'{NS}description').text
  assert '<script' not in text and '&lt;script&gt;' in text


def test_text_that_xml_cannot_hold_is_replaced_where_it_is_no_key():
  answer = tiny.answer()
  evidence = dataclasses.replace(answer.evidence[0], author='a\x00b\ud800')
  mark, = marks(parsed(dataclasses.replace(answer, evidence=(evidence,))),
                'evidence')
  assert values(mark)['author'] == 'a\ufffdb\ufffd'


def test_no_answers_are_a_document_of_styles():
  assert not list(parsed().iter(f'{NS}Placemark'))


def test_gps_of_the_file_is_apart_and_only_where_it_was_asked_for():
  asked = dataclasses.replace(tiny.answer(), exif_latlng_deg=(1.5, -2.5))
  exif, = marks(parsed(asked), 'exif')
  assert exif.find(f'{NS}Point/{NS}coordinates').text == '-2.5,1.5'
  assert not marks(parsed(tiny.answer()), 'exif')
