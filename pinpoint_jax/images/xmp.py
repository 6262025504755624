"""XMP sidecars: the position of a photo in a small file beside it.

Named NAME.jpg.xmp after NAME.jpg. Positions are written as XMP wants them,
degrees and minutes with a letter: 48,51.396000N.
"""

import math

from pinpoint_jax.images import gps_block

SUFFIX = '.xmp'
# A minute of arc in millionths is 2 mm.
_MICRO = 1_000_000
_PACKET = '''<?xml version="1.0" encoding="UTF-8"?>
<!-- The position was estimated from the picture. No receiver measured it. -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="pinpoint_jax">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
{properties}/>
 </rdf:RDF>
</x:xmpmeta>
'''


def sidecar(position: gps_block.Position) -> bytes:
  """The whole file; it says that the position is an estimate."""
  lat, lng = position.latlng_deg
  properties = {
      'GPSVersionID': '2.3.0.0',
      'GPSLatitude': angle(lat, 'NS'), 'GPSLongitude': angle(lng, 'EW'),
      'GPSMapDatum': 'WGS-84', 'GPSProcessingMethod': gps_block.METHOD}
  if position.radius_km is not None:
    metres = round(position.radius_km * 1000)
    properties['GPSHPositioningError'] = f'{metres}/1'
  return _PACKET.format(properties='\n'.join(
      f'    exif:{name}="{value}"' for name, value in properties.items()
  )).encode()


def angle(degrees: float, sides: str) -> str:
  """Degrees as XMP text; `sides` has the letters of + and −."""
  whole, rest = divmod(round(abs(degrees) * 60 * _MICRO), 60 * _MICRO)
  minutes, millionths = divmod(rest, _MICRO)
  return f'{whole},{minutes}.{millionths:06d}{sides[degrees < 0]}'


def degrees(text: str) -> float:
  """Degrees of such a text, as 'DDD,MM.mmN' or 'DDD,MM,SSN'."""
  side = {'N': 1, 'E': 1, 'S': -1, 'W': -1}.get(text[-1:])
  parts = text[:-1].split(',')
  try:
    numbers = [float(part) for part in parts]
  except ValueError:
    numbers = []
  if side is None or len(numbers) not in (2, 3) or not all(
      0 <= number < math.inf for number in numbers):
    raise ValueError(f'{text!r} is no position of XMP, such as 48,51.396N')
  return side * sum(number / 60 ** i for i, number in enumerate(numbers))
