"""The plots of the page of a run, and each as a drawing that stands alone."""

from collections.abc import Sequence
import re

from pinpoint_jax.evals import confidence
from pinpoint_jax.report import maps, page_parts, page_style, plots, svg
from pinpoint_jax.report.page_records import RunPage, RunSet

# Pixels of a line of a drawing's key.
_LINE = 18


def drawings(shown: RunPage) -> dict[str, str]:
  """Every plot and map by name, each with its key and all that it needs."""
  names = [some.name for some in shown.sets]
  plain = {'errors': cdf(shown.sets)}
  if any(some.promises for some in shown.sets):
    plain |= {'reliability': reliability(shown.sets),
              'coverage': coverage(shown.sets), 'risk': risk(shown.sets)}
  classes = [words for _, words in page_parts.CLASSES]
  return {name: _alone(drawn, names) for name, drawn in plain.items()} | {
      f'map_{i + 1}_{some.name}': _alone(error_map(some), classes, 'e')
      for i, some in enumerate(shown.sets)}


def cdf(sets: Sequence[RunSet]) -> str:
  """Share of the photos below each error."""
  return plots.errors('Errors', {
      some.name: (f'c-{i}', some.dist_km) for i, some in enumerate(sets)})


def error_map(some: RunSet) -> str:
  """Photos at their true places, coloured by their errors."""
  return page_parts.error_map(some.name, some.latlng_deg, some.dist_km)


def reliability(sets: Sequence[RunSet]) -> str:
  """Confidence of 25 km against what came of it."""
  return plots.reliability('Reliability of the confidence', [
      (f'c-{i}', some.promises.sure(25), some.promises.right(25))
      for i, some in enumerate(sets) if some.promises])


def coverage(sets: Sequence[RunSet]) -> str:
  """Share that radii promise against the share inside them."""
  return plots.coverage('Coverage of the radii', [
      (f'c-{i}', {share: some.figures[f'inside@{share:g}']
                  for share in some.promises.shares}, len(some.latlng_deg))
      for i, some in enumerate(sets) if some.promises])


def risk(sets: Sequence[RunSet]) -> str:
  """Share of wrong answers among the surest."""
  return plots.risk('Risk over coverage', [
      (f'c-{i}', *confidence.risk_coverage(
          some.promises.sure(25), some.promises.right(25)))
      for i, some in enumerate(sets) if some.promises])


def _alone(drawn: str, names: Sequence[str], look: str = 'c') -> str:
  """A plot as a file: its key above it, style and land within it."""
  frame = re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn)
  width, height = map(int, frame.groups())
  top = _LINE * len(names) + 4
  key = ''.join(
      f'<path class="line {look}-{i}" d="M10 {at - 4}H34"/>'
      f'{svg.text(40, at, name, "start")}'
      for i, name in enumerate(names) for at in [_LINE * i + 14 - top])
  land = maps.land() if '#land' in drawn else ''
  paper = (f'<rect class="paper" x="0" y="{-top}" width="{width}" '
           f'height="{top if land else height + top}"/>')
  head, body = drawn.replace(frame[0], (
      f'xmlns="http://www.w3.org/2000/svg" viewBox="0 {-top} {width} '
      f'{height + top}"'), 1).split('>', 1)
  body = body.removesuffix('</svg>')
  # Land may reach above its map, where the key is.
  marks = f'{body}{paper}{key}' if land else f'{paper}{key}{body}'
  return f'{head}><style>{page_style.STYLE}</style>{land}{marks}</svg>'
