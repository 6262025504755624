"""An answer as a person reads it on a terminal."""

from collections.abc import Iterator

from pinpoint_jax.answer import records


def text(answer: records.Answer) -> str:
  """A few lines: the photo, the place, how sure, what speaks for it."""
  return '\n  '.join(_lines(answer))


def _lines(answer: records.Answer) -> Iterator[str]:
  yield answer.id if answer.id.isprintable() else ascii(answer.id)
  if answer.latlng_deg is not None:
    yield (f'{answer.latlng_deg[0]:.5f}, {answer.latlng_deg[1]:.5f}'
           f'{place(answer.places)}')
  if answer.confidence:
    chances = ', '.join(f'{km:g} km {chance:.0%}'
                        for km, chance in answer.confidence.items())
    yield f'right within {chances}; 9 in 10 within {_radius(answer)}'
  for row in answer.evidence:
    yield evidence(row, 'there')
  if answer.abstained:
    yield f'abstained: {answer.abstained}'
  for warning in answer.warnings:
    yield f'note: {warning}'


def evidence(row: records.Evidence, place: str) -> str:
  """A photo that speaks for a place, and whose it is."""
  whose = f' by {row.author}' if row.author else (
      f' of {row.sequence}' if row.sequence else '')
  licence = f' ({row.licence})' if row.licence else ''
  return (f'{row.source:6} {row.similarity:.2f} alike, {row.dist_km:.1f} km '
          f'from {place}: {row.id}{whose}{licence}')


def place(where: records.Place | None) -> str:
  """The city, and how far it is; empty where there is none."""
  if where is None:
    return ''
  names = ', '.join(filter(None, (where.city, where.region, where.country)))
  return f'  {where.dist_km:.0f} km from {names}' if where.city else (
      f'  {names}')


def _radius(answer: records.Answer) -> str:
  radius_km = answer.radius_km(0.9)
  if radius_km is None:
    return 'an unknown distance'
  return ('the whole Earth' if radius_km >= records.FARTHEST_KM else
          f'{radius_km:,.1f} km' if radius_km < 10 else f'{radius_km:,.0f} km')
