"""A verdict on a claimed place as a person reads it on a terminal."""

from collections.abc import Iterator

from pinpoint_jax.answer import claim_records
from pinpoint_jax.report import answer_text

_NUM_ALTERNATIVES = 3


def text(verdict: claim_records.Verdict) -> str:
  """A few lines: the claim, the verdict, what speaks for and against it."""
  return '\n  '.join(_lines(verdict))


def _lines(verdict: claim_records.Verdict) -> Iterator[str]:
  yield verdict.id if verdict.id.isprintable() else ascii(verdict.id)
  yield (f'claimed {_degrees(verdict.latlng_deg)}'
         f'{answer_text.place(verdict.place)}')
  if verdict.p_value is not None:
    yield f'{verdict.word.upper()}: p = {verdict.p_value:.3g}. {_why(verdict)}'
  else:
    yield verdict.word.upper()
  for row in verdict.supporting:
    yield f'there    {answer_text.evidence(row, "the claimed place")}'
  yield from _against(verdict)
  for warning in verdict.warnings:
    yield f'note: {warning}'


def _why(verdict: claim_records.Verdict) -> str:
  fits = ('' if verdict.fitting_share is None else
          f' The photo is consistent with {verdict.fitting_share:.0%} of other '
          f'places, too.')
  if verdict.word == 'unjudged':
    return 'The gallery holds too little near the place to say more.'
  if verdict.word == 'doubtful':
    return (f'At most {verdict.level:.0%} of true claims look so bad.{fits}')
  return f'Nothing speaks strongly against it; that is no proof.{fits}'


def _against(verdict: claim_records.Verdict) -> Iterator[str]:
  if verdict.answer.latlng_deg is None:
    return
  yield (f'the photo alone says {_degrees(verdict.answer.latlng_deg)}'
         f'{answer_text.place(verdict.answer.places)}, '
         f'{verdict.dist_km:,.0f} km from there')
  near = {row.id for row in verdict.supporting}
  for row in verdict.answer.evidence:
    if row.id not in near:
      yield f'instead  {answer_text.evidence(row, "that answer")}'
  for row in verdict.alternatives[:_NUM_ALTERNATIVES]:
    yield (f'or       {_degrees(row.latlng_deg)}, {row.share:.0%} of the '
           f'candidates: {row.id}')


def _degrees(latlng_deg: tuple[float, float]) -> str:
  return f'{latlng_deg[0]:.5f}, {latlng_deg[1]:.5f}'
