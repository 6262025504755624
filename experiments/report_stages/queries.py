"""What the pages of a model and of an evaluation do alike with query sets."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax.answer import records
from pinpoint_jax.features import store as stores
from pinpoint_jax.report import page_records

# Of a page: so many colours tell them apart.
MOST_SETS = 4
# Cards of the best and of the worst answers of a set, rows of evidence on each.
_CARDS, _EVIDENCE = 2, 3
PICTURES = (
    'queries are features here. `pinpoint predict PHOTOS --model=MODEL '
    '--gallery=GALLERY` answers files of photos')
# Captions and cards of one set.
Cards = Mapping[str, Sequence[page_records.Card]]


def extremes(dist_km: Float[np.ndarray, 'n']) -> dict[
    str, Int[np.ndarray, '_']]:
  """Photos with the smallest errors, and with the greatest."""
  order = np.argsort(dist_km, kind='stable')
  return {'The best answers': order[:_CARDS],
          'The worst answers': order[::-1][:_CARDS]}


def joined(cards: Sequence[Cards]) -> dict[str, list[page_records.Card]]:
  """Cards of all sets under the captions that they share."""
  return {caption: [card for some in cards for card in some[caption]]
          for caption in cards[0]}


def card(name: str, source: str, answer: records.Answer,
         truth_deg: Float[np.ndarray, '2'],
         dist_km: float) -> page_records.Card:
  """A photo of which there is a feature alone, its answer and the truth."""
  nothing = page_records.Picture(b'', 'no picture: a feature')
  return page_records.Card(
      name, source, answer, tuple(truth_deg.tolist()), dist_km, nothing,
      [(row, nothing) for row in answer.evidence[:_EVIDENCE]])


def note(paths: Sequence[str]) -> str:
  """Says so where photos are synthetic."""
  made = {stores.open_store(path).manifest['backbone'] for path in paths}
  return ('Synthetic Earth is synthetic: its photos are made up, and these '
          'figures say nothing about real photographs.') if any(
              'synthetic_earth' in name for name in made) else ''
