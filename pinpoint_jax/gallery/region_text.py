"""Regions as a user writes them.

  country:FR,BE                 admin:US/California
  box:south,west,north,east     circle:lat,lng,km
  polygon:file.geojson          not:country:US
"""

from collections.abc import Iterable
import difflib
import functools

from pinpoint_jax.gallery import regions as region_rows
from pinpoint_jax.geo import geojson, places, regions

KINDS = ('country', 'admin', 'box', 'circle', 'polygon', 'not')


def parse(text: str, allow_files: bool = True) -> region_rows.Area:
  """The area a text names; `allow_files` is for texts of the machine's user."""
  kind, colon, rest = text.strip().partition(':')
  if not colon or kind not in KINDS:
    close = difflib.get_close_matches(kind, KINDS, 1)
    hint = f', perhaps {close[0]}:' if close else ''
    raise ValueError(f'region {text!r} starts with none of '
                     f'{", ".join(f"{k}:" for k in KINDS)}{hint}')
  if kind == 'not':
    if rest.lstrip().startswith('not:'):
      raise ValueError(f'region {text[:40]!r}: not:not: is the region itself; '
                       f'leave both out')
    return region_rows.Not(parse(rest, allow_files))
  if kind == 'polygon' and not allow_files:
    raise ValueError(f'region {text!r}: files are not read here; send the '
                     'GeoJSON itself')
  return {'country': _countries, 'admin': _admin, 'box': _box,
          'circle': _circle, 'polygon': geojson.load}[kind](rest.strip())


def _countries(text: str) -> region_rows.Countries:
  codes = tuple(code.strip().upper() for code in text.split(','))
  for code in codes:
    if code not in known_countries():
      raise ValueError(f'country {code!r} is unknown{_nearest(code)}; write '
                       'ISO 3166 two-letter codes, such as country:FR,BE')
  return region_rows.Countries(codes)


def _nearest(code: str) -> str:
  close = difflib.get_close_matches(code, known_countries(), 99, .5)
  close = sorted(close, key=lambda known: (known[0] != code[0], known))[:6]
  return f' (nearest: {", ".join(close)})' if close else ''


def _admin(text: str) -> region_rows.Admin:
  if text not in known_admins():
    ending = [name for name in sorted(known_admins())
              if name.partition('/')[2].lower() == text.lower()]
    close = ending or difflib.get_close_matches(text, known_admins(), 3)
    hint = f' (nearest: {", ".join(close)})' if close else ''
    raise ValueError(f'admin {text!r} is unknown{hint}; write country code and '
                     'name as GeoNames has them, such as admin:US/California')
  return region_rows.Admin(text)


def _box(text: str) -> regions.Box:
  return _made(regions.Box, 'box', _numbers('box', text, (
      'south', 'west', 'north', 'east')))


def _circle(text: str) -> regions.Circle:
  lat, lng, km = _numbers('circle', text, ('lat', 'lng', 'km'))
  return _made(regions.Circle, 'circle', [(lat, lng), km])


def _numbers(kind: str, text: str, names: tuple[str, ...]) -> list[float]:
  try:
    numbers = [float(part) for part in text.split(',')]
  except ValueError:
    numbers = []
  if len(numbers) != len(names):
    raise ValueError(f'{kind}:{text}: write {len(names)} numbers, '
                     f'{kind}:{",".join(names)}')
  return numbers


def _made(make: type[regions.Region], kind: str,
          arguments: Iterable[object]) -> regions.Region:
  try:
    return make(*arguments)
  except ValueError as error:
    raise ValueError(f'region {kind}: {error}') from error


@functools.cache
def known_countries() -> frozenset[str]:
  """Country codes of the table of cities."""
  return frozenset(places.load_cities().countries.tolist())


@functools.cache
def known_admins() -> frozenset[str]:
  """Names of first-level areas, after their country: 'US/California'."""
  cities = places.load_cities()
  return frozenset(region_rows.admin_names(
      cities.countries, cities.admin1).tolist())
