"""A photo, where the answer and the truth are, and photos that speak for it."""

import base64
from collections.abc import Sequence
import html

import numpy as np
from pinpoint_jax.answer import density as densities
from pinpoint_jax.answer import records
from pinpoint_jax.report import maps, page_words
from pinpoint_jax.report.page_records import Card, Picture

_SOURCES = {'photo': 'photo', 'street': 'street view'}
# So much of the probability within 200 km of the answer, and no map is drawn.
_SETTLED = .95
# Where a run has no picture: a frame, hills and a sun.
_DRAWN = ('<svg class="drawn" viewBox="0 0 60 60" role="img" aria-label="{}">'
          '<path d="M6 46 22 26l10 12 8-9 14 17z" fill="currentColor" '
          'opacity=".35"/><circle cx="42" cy="18" r="5" fill="currentColor" '
          'opacity=".35"/></svg>')


def section(cards: Sequence[Card], how_chosen: str) -> str:
  """All cards, and how their photos were chosen."""
  drawn = '' if all(card.picture.webp for card in cards) else (
      ' <span class="soft">This run has features alone, no pictures: a drawn '
      'frame marks where they would be.</span>')
  return (f'<h2>Photos and their answers</h2><p>{html.escape(how_chosen)}'
          f'{drawn}</p>{group(cards)}')


def group(cards: Sequence[Card]) -> str:
  """Cards beside each other, under the key of their maps."""
  if not cards:
    return '<p class="soft">There are none.</p>'
  return f'{_KEY}<div class="cards">{"".join(map(_card, cards))}</div>'


_KEY = ('<ul class="key"><li><svg viewBox="0 0 26 12"><circle class="answer" '
        'cx="13" cy="6" r="4"/></svg>answer</li><li><svg viewBox="0 0 26 12">'
        '<circle class="truth" cx="13" cy="6" r="5"/></svg>truth</li><li>'
        '<svg viewBox="0 0 26 12"><path class="dots other" d="M13 6h0"/></svg>'
        'other candidates</li></ul>')


def kilometres(dist_km: float) -> str:
  """Two digits that count below 10 km, whole kilometres above."""
  number, unit = ((f'{1000 * dist_km:.0f}', 'm') if dist_km < 1 else
                  (f'{dist_km:.1f}' if dist_km < 10 else f'{dist_km:,.0f}',
                   'km'))
  return f'{number}\N{NO-BREAK SPACE}{unit}'


def _card(card: Card) -> str:
  others = np.asarray([some.latlng_deg for some in card.answer.candidates[1:]],
                      np.float64).reshape(-1, 2)
  drawn = maps.route(
      f'Map: the answer lies {kilometres(card.error_km)} from the truth',
      card.answer.latlng_deg, card.truth_deg, others)
  name = page_words.QUERIES.get(card.queries, card.queries)
  warnings = ''.join(f'<p class="warn">{html.escape(words)}</p>'
                     for words in card.answer.warnings)
  evidence = ''.join(map(_evidence, *zip(*card.evidence))) if (
      card.evidence) else '<p class="soft">none within 25 km</p>'
  return (f'<article class="card"><h3>{kilometres(card.error_km)} from the '
          f'truth <small>· {html.escape(name)}, {html.escape(card.answer.id)}'
          f'</small></h3><div class="seen"><figure>'
          f'{picture(card.picture)}</figure><figure class="map-side">{drawn}'
          f'</figure></div>{_facts(card)}{_heat(card)}'
          f'<h3>What speaks for the answer</h3>'
          f'<div class="pictures">{evidence}</div>{warnings}</article>')


def _facts(card: Card) -> str:
  facts = []
  if place := card.answer.places:
    where = ', '.join(filter(None, (place.city, place.region, place.country)))
    facts.append(('Answer', f'{kilometres(place.dist_km)} from {where}'))
  if card.answer.confidence:
    facts.append(('Confidence', ', '.join(
        f'{km:,} km: {100 * chance:.0f} %'.replace(' ', '\N{NO-BREAK SPACE}')
        for km, chance in card.answer.confidence.items()
        if km in (25, 200, 2500))))
  radius = card.answer.radius_km(.9)
  if radius is not None:
    held = 'inside' if card.error_km <= radius else 'outside'
    facts.append(('90 % radius', f'{kilometres(radius)} (truth {held})'))
  if card.answer.task != card.source:
    facts.append(('Router', f'took it for a {_SOURCES[card.answer.task]}'))
  return '<dl>' + ''.join(
      f'<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>'
      for name, words in facts) + '</dl>'


def _heat(card: Card) -> str:
  """Where else it may have been, if the answer leaves that open."""
  density = card.answer.density
  if density is None or density.mass_within(
      card.answer.latlng_deg, densities.AREA_KM) > _SETTLED:
    return ''
  drawn = maps.heat('Map of where the photo may have been taken',
                    density, card.answer.latlng_deg,
                    card.truth_deg)
  return (f'<figure class="map-side">{drawn}<figcaption>Half of the '
          f'probability lies in the darkest areas, 80 % with the next, 95 % '
          f'with the lightest.</figcaption></figure>')


def _evidence(evidence: records.Evidence, shown: Picture) -> str:
  where = 'same place' if evidence.dist_km < .001 else (
      f'{kilometres(evidence.dist_km)} away')
  return (f'<figure>{picture(shown)}<figcaption>'
          f'{_SOURCES[evidence.source]}, {where}, similarity '
          f'{evidence.similarity:.2f}</figcaption></figure>')


def picture(shown: Picture) -> str:
  """An image inside the page, or a drawn frame where there is none."""
  words = html.escape(shown.words)
  if not shown.webp:
    return _DRAWN.format(words)
  data = base64.b64encode(shown.webp).decode()
  return f'<img alt="{words}" src="data:image/webp;base64,{data}">'
