"""Published figures are whole, tagged with a source, and of known names."""

import re

from pinpoint_jax.geo import distance
from pinpoint_jax.report import published

NUMBER = re.compile(r'\d+(\.\d+)?')


def test_figures_that_can_be_looked_up():
  sets = published.benchmarks()
  assert list(sets) == ['im2gps3k', 'yfcc4k', 'osv5m', 'commons26']
  rows = {(name, row.system, row.filter): row
          for name, some in sets.items() for row in some.rows}
  geoclip = rows['im2gps3k', 'GeoCLIP', 'none']
  assert list(geoclip.figures.values()) == [
      '14.1', '34.5', '50.7', '69.7', '83.8']
  assert geoclip.distance == 'geodesic_le' and '2309.16020' in geoclip.source
  leak = [rows['yfcc4k', 'Pinpoint, rerun', name].figures['acc@1km']
          for name in ('none', 'author')]
  assert leak == ['32.8', '14.6']
  assert rows['osv5m', 'Pinpoint', 'none'].figures == {
      'acc@1km': '–', 'acc@25km': '35.6', 'acc@200km': '67.5',
      'acc@750km': '83.7', 'acc@2500km': '93.2', 'geoscore': '4114',
      'mean_km': '743', 'acc@city_official': '26.0'}


def test_every_row_has_a_source_and_figures_that_grow_with_the_threshold():
  for benchmark in published.benchmarks().values():
    assert benchmark.query_source in ('photo', 'street')
    assert benchmark.num_queries > 1000 and benchmark.rows
    for row in benchmark.rows:
      assert row.source and row.filter in ('none', 'author')
      assert row.distance in ('', 'geodesic_le', *distance.DISTANCES)
      shares = [float(value) for name, value in row.figures.items()
                if name.endswith('km') and name.startswith('acc@')
                and value != published.NONE]
      assert shares == sorted(shares) and all(0 < x < 100 for x in shares)
      for value in row.figures.values():
        assert value == published.NONE or NUMBER.fullmatch(value), row


def test_rows_are_told_apart():
  for benchmark in published.benchmarks().values():
    keys = [(row.system, row.filter, row.source) for row in benchmark.rows]
    assert len(set(keys)) == len(keys)
