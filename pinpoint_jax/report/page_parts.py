"""Parts that the page of a demo and the page of a run have in common."""

from collections.abc import Sequence
import html

from jaxtyping import Float
import numpy as np
from pinpoint_jax.report import maps

# Photos that are drawn on a map of errors, in so many layers.
_MAPPED, _LAYERS = 3000, 25
# Upper ends of the classes of error, and their names.
CLASSES = ((25., 'below 25 km'), (200., 'below 200 km'),
           (2500., 'below 2,500 km'), (np.inf, '2,500 km and more'))


def error_key() -> str:
  """Which colour of a map of errors is which class."""
  return '<ul class="key">' + ''.join(
      f'<li>{swatch(f"e-{i}", "big")}{words}</li>'
      for i, (_, words) in enumerate(CLASSES)) + '</ul>'


def error_map(words: str, latlng_deg: Float[np.ndarray, 'n 2'],
              dist_km: Float[np.ndarray, 'n']) -> str:
  """Photos at their true places, in the colours of their errors."""
  rows = np.unique(np.linspace(
      0, len(dist_km) - 1, min(_MAPPED, len(dist_km))).astype(int))
  ends = [end for end, _ in CLASSES]
  # Layer over layer, so that no class hides the others.
  layers = [(latlng_deg[part[number == i]], f'error e-{i}')
            for part in np.array_split(rows, _LAYERS)
            for number in [np.searchsorted(ends, dist_km[part], side='right')]
            for i in range(len(CLASSES))]
  return maps.scatter(f'Map of the errors of {words}', layers)


def swatch(look: str, kind: str) -> str:
  """A line or a dot of a look, for a key."""
  mark = (f'<path class="line {look}" d="M0 6H26"/>' if kind == 'line' else
          f'<path class="dots big {look}" d="M13 6h0"/>')
  return f'<svg viewBox="0 0 26 12" aria-hidden="true">{mark}</svg>'


def figures(drawn: Sequence[tuple[str, str]], look: str = 'plots') -> str:
  """Plots beside each other, each under its words."""
  return f'<div class="{look}">' + ''.join(
      f'<figure><h3>{html.escape(words)}</h3>{plot}</figure>'
      for words, plot in drawn) + '</div>'
