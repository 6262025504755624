"""Tables of measure_confidence: figures over worlds as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from pinpoint_jax.evals import calibrators, metrics, radii
from pinpoint_jax.report import tables
from scipy import stats

Row = Mapping[str, Any]
_SHARES = (.8, .9, .95)
_THIRDS = ('hardest third', 'middle third', 'easiest third')


def markdown(figures: Mapping[str, Sequence[Row]]) -> str:
  """Every table, by the names that measure_confidence gives to its parts."""
  parts = [
      ('Radii: share of the truths inside', coverage(figures['judged'])),
      ('Radii by how hard the photos are', by_third(figures['judged'])),
      ('Chances', chances(figures['judged'], figures['pooled'])),
      ('Answering only when sure', accepted(figures['pooled'])),
      ('Photos that show nothing of their place', blind(figures['judged'])),
      ('Likelihood over the sphere', likelihood(figures['judged'])),
      ('A gallery of the other source', coverage(figures['shifted'])),
      ('Ways to calibrate, on authors not seen', ways(figures['compared'])),
      ('Ways to make radii', widths(figures['compared']))]
  return '\n'.join(f'## {title}\n\n{text}' for title, text in parts)


def coverage(rows: Sequence[Row]) -> str:
  """Per promised share: mean of the worlds, their range, and mean radius."""
  head = ['queries', 'worlds', *(word for share in _SHARES for word in (
      f'{share:.0%} promised', 'range', 'mean radius, km', 'median'))]
  lines = []
  for row in rows:
    line = [row['queries'], str(row['num_worlds'])]
    for share in _SHARES:
      inside = row[f'inside@{share:g}']
      line += [_percent(inside['mean']),
               f'{_percent(inside["low"])} to {_percent(inside["high"])}',
               _km(row[f'mean_radius_km@{share:g}']['mean']),
               _km(row[f'median_radius_km@{share:g}']['mean'])]
    lines.append(line)
  return tables.grid(head, lines, 1)


def by_third(rows: Sequence[Row]) -> str:
  """Share inside for the thirds of photos by P(error < 25 km)."""
  head = ['queries', 'promised', *_THIRDS]
  return tables.grid(head, [
      [row['queries'], f'{share:.0%}', *(_percent(
          row[f'inside@{share:g}_third{i}']['mean']) for i in (1, 2, 3))]
      for row in rows for share in _SHARES], 2)


def chances(rows: Sequence[Row], pooled: Sequence[Row]) -> str:
  """Calibration errors and Brier scores of each threshold."""
  head = ['queries', 'km', 'ECE of a world', 'range', 'ECE, all worlds',
          'Brier, all worlds']
  lines = []
  for row, whole in zip(rows, pooled):
    for km in metrics.THRESHOLDS_KM:
      error = row[f'ece@{km}km']
      lines.append([
          row['queries'], f'{km:,}', f'{error["mean"]:.3f}',
          f'{error["low"]:.3f} to {error["high"]:.3f}',
          _interval(whole, f'ece@{km}km', 3),
          _interval(whole, f'brier@{km}km', 4)])
  return tables.grid(head, lines, 1)


def accepted(pooled: Sequence[Row]) -> str:
  """Coverage and risk by the least chance within 25 km; AURC below."""
  head = ['queries', 'P(< 25 km) at least', 'answered', 'wrong at 25 km']
  lines = [[row['queries'], f'{entry["sure"]:.1f}',
            _percent(entry['coverage']), _percent(entry['risk'])]
           for row in pooled for entry in row['accepted']]
  areas = '; '.join(
      f'{row["queries"]} {_interval(row, "aurc@25km", 4)} (best possible '
      f'{row["aurc_best@25km"]:.4f}, answering at random '
      f'{row["risk@25km"]:.4f})' for row in pooled)
  return f'{tables.grid(head, lines, 1)}\nAURC at 25 km: {areas}.\n'


def blind(rows: Sequence[Row]) -> str:
  """How photos without a sign of place are told from the others."""
  names = {'blind_share': 'share of photos', **{
      f'blind_area_by_{km}km': f'area under ROC by 1 − P(< {km:,} km)'
      for km in metrics.THRESHOLDS_KM},
           'blind_area_by_likeness': 'area under ROC by likeness alone',
           'guess_of_blind': 'warned of “no evidence of place”: of these',
           'guess_of_seeing': 'warned: of the others',
           'right_of_blind@25km': 'of these within 25 km'}
  return tables.grid(['queries', 'figure', 'mean', 'range'], [
      [row['queries'], words, f'{row[name]["mean"]:.3f}',
       f'{row[name]["low"]:.3f} to {row[name]["high"]:.3f}']
      for row in rows for name, words in names.items() if name in row], 2)


def likelihood(rows: Sequence[Row]) -> str:
  """NLL by each of its measures."""
  names = {'nll_per_km2': 'NLL, nats per km²', 'nll_per_sr': 'per steradian',
           'nats_over_uniform': 'nats gained over uniform'}
  return tables.grid(['queries', *names.values(), 'range of the gain'], [
      [row['queries'], *(f'{row[name]["mean"]:.2f}' for name in names),
       f'{row["nats_over_uniform"]["low"]:.2f} to '
       f'{row["nats_over_uniform"]["high"]:.2f}'] for row in rows], 1)


def ways(rows: Sequence[Row]) -> str:
  """Calibrators side by side."""
  head = ['queries', 'way', *(f'ECE {km:,}' for km in metrics.THRESHOLDS_KM),
          *(f'Brier {km:,}' for km in metrics.THRESHOLDS_KM),
          'ECE 25 less that of beta', 'Brier 25 less that of beta']
  return tables.grid(head, [
      [row['queries'], name, *(
          f'{row[f"{name}/{figure}@{km}km"]["mean"]:.{digits}f}'
          for figure, digits in (('ece', 3), ('brier', 4))
          for km in metrics.THRESHOLDS_KM), *(
              _over_worlds(row, f'{name}/{figure}_over_beta@25km')
              for figure in ('ece', 'brier'))]
      for row in rows for name in calibrators.CALIBRATORS], 2)


def widths(rows: Sequence[Row]) -> str:
  """Ways to make radii, at 90 %."""
  head = ['queries', 'way', 'inside', *_THIRDS, 'mean radius, km', 'median']
  return tables.grid(head, [
      [row['queries'], name, _percent(row[f'{name}/inside@0.9']['mean']),
       *(_percent(row[f'{name}/inside@0.9_third{i}']['mean'])
         for i in (1, 2, 3)), _km(row[f'{name}/mean_km@0.9']['mean']),
       _km(row[f'{name}/median_km@0.9']['mean'])]
      for row in rows for name in radii.WAYS], 2)


def _percent(share: float) -> str:
  return f'{100 * share:.1f} %'


def _km(value: float) -> str:
  return f'{value:,.0f}'


def _over_worlds(row: Row, name: str) -> str:
  """Mean and 95 % interval of Student's t over the worlds."""
  num, found = row['num_worlds'], row[name]
  half = found['sd'] / num**.5 * stats.t.ppf(.975, num - 1) if num > 1 else 0.
  return (f'{found["mean"]:+.4f} [{found["mean"] - half:+.4f}, '
          f'{found["mean"] + half:+.4f}]') if half else '–'


def _interval(row: Row, name: str, digits: int) -> str:
  low, high = row['ci95'][name]
  return f'{row[name]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]'
