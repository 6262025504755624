"""What a person reads: whose a photo is, in words that fit."""

import dataclasses

from pinpoint_jax.report import answer_text
import pytest

from tests.fixtures import tiny_answers as tiny


@pytest.mark.parametrize('changes, text', [
    ({}, 'p1 by A. Nonym (CC BY 4.0)'),
    # The day of own photos, or a drive, took nothing.
    ({'author': '', 'sequence': '2024-05-01'}, 'p1 of 2024-05-01 (CC BY 4.0)'),
    ({'author': '', 'licence': ''}, 'from there: p1')])
def test_evidence_says_whose_it_is(changes, text):
  answer = tiny.answer()
  row = dataclasses.replace(answer.evidence[0], **changes)
  shown = answer_text.text(dataclasses.replace(answer, evidence=(row,)))
  line = shown.splitlines()[3]
  assert line.endswith(text)
  assert line.startswith('  photo  0.88 alike, 4.2 km from there: p1')
