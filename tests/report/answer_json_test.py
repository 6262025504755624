"""JSON goes round, figure by figure; a log survives a kill at any byte."""

import dataclasses
import json
import math

import numpy as np
from pinpoint_jax.answer import records
from pinpoint_jax.report import answer_files, answer_json
import pytest

from tests.fixtures import tiny_answers as tiny

IDS = (*tiny.HOSTILE_IDS, tiny.SURROGATE, 'nul\0.jpg')


def log_of(path, answers):
  with answer_json.AnswerLog(path) as log:
    for answer in answers:
      log.append(answer)


def test_lines_are_read_back_as_they_were(tmp_path):
  answers = [tiny.answer(id_) for id_ in IDS] + [tiny.unanswered()]
  log_of(tmp_path / 'a.jsonl', answers)
  read = answer_json.read(tmp_path / 'a.jsonl')
  assert [a.as_dict() for a in read] == [a.as_dict() for a in answers]
  assert read[0].candidates == answers[0].candidates
  assert read[0].evidence == answers[0].evidence
  assert read[0].places == answers[0].places
  assert read[0].radius_km(.9) == answers[0].radius_km(.9)
  with pytest.raises(ValueError, match=r'share=0.7: the file holds the radii'):
    read[0].radius_km(.7)


def test_abstention_is_there_where_it_was_asked_for(tmp_path):
  asked = [dataclasses.replace(tiny.answer(), id=reason or 'sure',
                               abstained=reason) for reason in ('unsure', '')]
  path = tmp_path / 'a.jsonl'
  path.write_text(''.join(answer_json.lines([*asked, tiny.answer()])))
  assert [a.abstained for a in answer_json.read(path)] == ['unsure', '', None]
  assert 'abstained' not in path.read_text().splitlines()[2]


def test_an_id_ends_no_line_for_any_reader(tmp_path):
  log_of(tmp_path / 'a.jsonl', [tiny.answer(id_) for id_ in IDS])
  text = (tmp_path / 'a.jsonl').read_bytes().decode('ascii')
  assert [json.loads(line)['id'] for line in text.splitlines()] == list(IDS)


def test_the_list_is_what_the_lines_are(tmp_path):
  answers = [tiny.answer('a'), tiny.unanswered('b')]
  answer_files.write(tmp_path / 'a.json', answers)
  answer_files.write(tmp_path / 'a.jsonl', answers)
  listed = json.loads((tmp_path / 'a.json').read_text())
  assert listed == list(map(
      json.loads, (tmp_path / 'a.jsonl').read_text().splitlines()))
  assert listed[0]['latlng_deg'] == [48.8566, 2.3522]
  assert listed[0]['confidence']['25km'] == .625
  assert listed[1]['latlng_deg'] is None and listed[1]['radius_km'] == {}
  answer_files.write(tmp_path / 'a.json', [])
  assert json.loads((tmp_path / 'a.json').read_text()) == []


def test_figures_that_are_not_finite_are_null_and_nan_again(tmp_path):
  answer = records.Answer(
      'a', (1., 2.), 'photo', 'light', {1: math.nan}, None,
      (records.Candidate('p', 'photo', (1., 2.), ('raw',), -math.inf, 0.),),
      (), None, ())
  log_of(tmp_path / 'a.jsonl', [answer])
  assert 'NaN' not in (tmp_path / 'a.jsonl').read_text()
  read, = answer_json.read(tmp_path / 'a.jsonl')
  assert math.isnan(read.candidates[0].score) and math.isnan(read.confidence[1])


def test_a_log_cut_at_any_byte_goes_on_with_its_whole_lines(tmp_path):
  path = tmp_path / 'a.jsonl'
  answers = [tiny.answer(f'{i}.jpg') for i in range(3)]
  log_of(path, answers)
  whole = path.read_bytes()
  ends = np.cumsum([len(line) for line in whole.splitlines(True)])
  for cut in [0, 1, *range(0, len(whole), 97), *ends, *(ends - 1)]:
    path.write_bytes(whole[:cut])
    with answer_json.AnswerLog(path) as log:
      assert len(log.answers) == sum(end <= cut for end in ends)
      for answer in answers:
        if answer.id not in log:
          log.append(answer)
    assert path.read_bytes() == whole


def test_a_photo_is_answered_once(tmp_path):
  path = tmp_path / 'a.jsonl'
  log_of(path, [tiny.answer('a')])
  with answer_json.AnswerLog(path) as log:
    with pytest.raises(ValueError, match="has an answer to 'a' already"):
      log.append(tiny.answer('a'))


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
  path = tmp_path / 'a.jsonl'
  with answer_json.AnswerLog(path) as log:
    log.append(tiny.answer('a'))
    before = path.read_bytes()
    real = log._file

    class Full:
      """Takes ten bytes, then no more."""
      num = 0

      def write(self, text):
        self.num += 1
        if self.num > 1:
          raise OSError(28, 'No space left on device')
        return real.write(text[:10])

      def seek(self, *args):
        return real.seek(*args)

      def truncate(self, size):
        return real.truncate(size)

    log._file = Full()
    with pytest.raises(OSError, match='cannot be written: No space left'):
      log.append(tiny.answer('b'))
    log._file = real
    assert path.read_bytes() == before and 'b' not in log


@pytest.mark.parametrize('text', [
    b'nonsense', b'{}', b'[]', b'3', b'{"id": 3}', b'[' * 100_000,
    b'{"id": "a", "latlng_deg": [1, 2, 3], "radius_km": {}}', b'\xff',
    *(answer_json.line(tiny.answer()).encode().strip().replace(
        b'48.8566', number) for number in (b'91', b'NaN', b'1e999', b'"x"',
                                           b'1' + b'0' * 400)),
    answer_json.line(tiny.answer()).encode().strip().replace(
        b'"paris.jpg"', b'3')])
def test_a_damaged_line_is_named(tmp_path, text):
  path = tmp_path / 'a.jsonl'
  path.write_bytes(answer_json.line(tiny.answer()).encode() + text + b'\n')
  with pytest.raises(ValueError, match='line 2 is no answer') as caught:
    answer_json.AnswerLog(path)
  assert '\n' not in str(caught.value)
