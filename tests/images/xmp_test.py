"""Sidecars are XML that says where, how far off, and that it is a guess."""

from xml.etree import ElementTree as ET

import numpy as np
from pinpoint_jax.images import gps_block, xmp
import pytest

EXIF = '{http://ns.adobe.com/exif/1.0/}'
RDF = '{http://www.w3.org/1999/02/22-rdf-syntax-ns#}'


def properties(data):
  root = ET.fromstring(data)
  assert root.tag == '{adobe:ns:meta/}xmpmeta'
  described, = root.findall(f'{RDF}RDF/{RDF}Description')
  assert described.get(f'{RDF}about') == ''
  return {name.removeprefix(EXIF): value
          for name, value in described.items() if name.startswith(EXIF)}


def test_what_programs_read():
  data = xmp.sidecar(gps_block.Position((48.8566, -2.3522), 12.3456))
  assert properties(data) == {
      'GPSVersionID': '2.3.0.0',
      # .8566 of a degree are 51.396 minutes, .3522 are 21.132.
      'GPSLatitude': '48,51.396000N', 'GPSLongitude': '2,21.132000W',
      'GPSMapDatum': 'WGS-84', 'GPSProcessingMethod': 'ESTIMATED',
      'GPSHPositioningError': '12346/1'}
  assert b'estimated' in data


def test_no_radius_no_error():
  assert 'GPSHPositioningError' not in properties(
      xmp.sidecar(gps_block.Position((1., 2.))))


@pytest.mark.parametrize('degrees, text', [
    (0., '0,0.000000N'), (-0., '0,0.000000N'), (90., '90,0.000000N'),
    (-90., '90,0.000000S'), (59.9999999999, '60,0.000000N'),
    (-1 / 3, '0,20.000000S')])
def test_angles(degrees, text):
  assert xmp.angle(degrees, 'NS') == text


def test_random_angles_are_read_back():
  values = np.random.default_rng(0).uniform(-180, 180, 1000)
  texts = [xmp.angle(value, 'EW') for value in values.tolist()]
  np.testing.assert_allclose([xmp.degrees(text) for text in texts], values,
                             rtol=0, atol=1e-8)
  assert all(float(text[:-1].split(',')[1]) < 60 for text in texts)


def test_other_programs_write_seconds():
  assert xmp.degrees('48,30,36S') == -48.51


@pytest.mark.parametrize('text', ['', 'N', '48N', '48,x N', '48,1,2,3N', '48,1',
                                  '48,-1N', 'nan,0N'])
def test_what_is_no_angle_is_refused(text):
  with pytest.raises(ValueError, match='no position of XMP'):
    xmp.degrees(text)
