"""What users write, and what they get wrong."""

import json

from pinpoint_jax.gallery import region_text
from pinpoint_jax.gallery import regions as region_rows
from pinpoint_jax.geo import regions
import pytest


def test_each_kind_by_hand(tmp_path):
  parse = region_text.parse
  assert parse('country:fr, BE') == region_rows.Countries(('FR', 'BE'))
  assert parse('admin:US/California') == region_rows.Admin('US/California')
  assert parse('box:-20,177,-15,-178') == regions.Box(-20, 177, -15, -178)
  circle = parse('circle:48.85, 2.35, 25')
  assert (circle.center, circle.radius_km) == ((48.85, 2.35), 25.)
  file = tmp_path / 'it:s.geojson'
  file.write_text(json.dumps({'type': 'Polygon', 'coordinates': [
      [[0, 0], [9, 0], [9, 9], [0, 0]]]}))
  assert isinstance(parse(f'polygon:{file}'), regions.Polygon)
  assert parse('not:country:US') == region_rows.Not(
      region_rows.Countries(('US',)))


@pytest.mark.parametrize('text, message', [
    ('FR', 'starts with none of country:, admin:'),
    ('contry:FR', 'perhaps country:'),
    ('country:UK', r"'UK' is unknown \(nearest: .*UA"),
    ('country:', "'' is unknown"),
    ('admin:California', 'nearest: US/California'),
    ('admin:US/Californa', 'nearest: US/California'),
    ('box:1,2,3', 'write 4 numbers, box:south,west,north,east'),
    ('box:1,2,x,4', 'write 4 numbers'),
    ('box:9,2,3,4', 'south < north'),
    ('circle:48,2,nan', 'radius_km is nan'),
    ('circle:91,2,5', 'latitude outside'),
    ('circle:nan,2,5', 'not finite'),
    ('polygon:nowhere.geojson', 'nowhere.geojson cannot be read'),
    ('not:FR', 'starts with none of'),
])
def test_mistakes_name_the_value_and_the_way_out(text, message):
  with pytest.raises(ValueError, match=message):
    region_text.parse(text)


def test_texts_from_elsewhere_read_no_files():
  with pytest.raises(ValueError, match='files are not read here'):
    region_text.parse('not:polygon:a.geojson', allow_files=False)
