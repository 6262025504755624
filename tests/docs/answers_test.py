"""docs/answers.md shows what the code writes."""

import json
import os
import pathlib
import re
from xml.etree import ElementTree as ET

from pinpoint_jax.images import gps_block, xmp
from pinpoint_jax.report import answer_csv, answer_geojson, answer_kml
import pytest

from tests.fixtures import tiny_answers as tiny

PAGE = pathlib.Path(__file__).resolve().parents[2] / 'docs' / 'answers.md'
ANSWERS = (tiny.answer('harbour, 1.jpg'), tiny.unanswered())
_KML = 'http://www.opengis.net/kml/2.2'


def entries(answer):
  """An object, a line for each of its names."""
  lines = [f' {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}'
           for name, value in answer.as_dict().items()]
  return '{\n' + ',\n'.join(lines) + '\n}\n'


def rounded(text):
  """Radii come out of a logarithm, whose last digit is the machine's."""
  return re.sub(r'\b12\.0000000000\d+\b', '12.0', text)


def geojson():
  text = ''.join(answer_geojson.lines(ANSWERS))
  # Two corners of the ring are enough.
  return re.sub(r'(\[\[\[[^]]+\], \[[^]]+\]), .*(, \[[^]]+\]\]\])', r'\1, …\2',
                text)


def kml():
  """The first placemark, a line for each of its parts."""
  ET.register_namespace('', _KML)
  root = ET.fromstring(''.join(answer_kml.lines(ANSWERS)))
  mark = next(root.iter(f'{{{_KML}}}Placemark'))
  ET.indent(mark, ' ')
  text = ET.tostring(mark, encoding='unicode').replace(f' xmlns="{_KML}"', '')
  return re.sub(r'\n  <Data name="confidence_1km">.*(?=\n </ExtendedData>)',
                '\n  …', text, flags=re.DOTALL).rstrip() + '\n'


EXAMPLES = {
    'answers.jsonl': lambda: ''.join(map(entries, ANSWERS)),
    'answers.csv': lambda: ''.join(answer_csv.lines(ANSWERS)),
    'answers.geojson': geojson, 'answers.kml': kml,
    'photo.jpg.xmp': lambda: xmp.sidecar(
        gps_block.Position(ANSWERS[0].latlng_deg, 12.)).decode()}


@pytest.mark.parametrize('name', EXAMPLES)
def test_the_examples_are_golden(name):
  text = rounded(EXAMPLES[name]())
  page = PAGE.read_text(encoding='utf-8')
  block = re.compile(rf'(<!-- {re.escape(name)} -->\n```\n)(.*?)(^```$)',
                     re.MULTILINE | re.DOTALL)
  assert block.search(page), f'{PAGE} has no block of {name}'
  if os.environ.get('UPDATE_GOLDEN'):
    page = block.sub(lambda match: match[1] + text + match[3], page)
    PAGE.write_text(page, encoding='utf-8')
  assert block.search(page)[2] == text, f'make golden rewrites {PAGE}'


def test_the_page_has_no_other_example():
  names = re.findall(r'<!-- (\S+) -->', PAGE.read_text(encoding='utf-8'))
  assert names == list(EXAMPLES)
