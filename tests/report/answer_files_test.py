"""The end of a name says the kind; what cannot be written is told before."""

from pinpoint_jax.report import answer_files
import pytest

from tests.fixtures import tiny_answers as tiny


@pytest.mark.parametrize('suffix', answer_files.SUFFIXES)
def test_every_kind_takes_hostile_names_or_says_no_in_a_line(tmp_path, suffix):
  answers = [tiny.answer(id_) for id_ in tiny.HOSTILE_IDS]
  path = tmp_path / f'answers{suffix}'
  answer_files.check(path, tiny.HOSTILE_IDS)
  answer_files.write(path, answers)
  assert path.read_bytes().decode('utf-8')
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('suffix', answer_files.SUFFIXES)
def test_bytes_that_are_no_text_live_in_json_alone(tmp_path, suffix):
  path = tmp_path / f'answers{suffix}'
  if suffix in ('.json', '.jsonl'):
    answer_files.write(path, [tiny.answer(tiny.SURROGATE)])
    assert b'caf\\udce9.jpg' in path.read_bytes()
    return
  with pytest.raises(ValueError) as caught:
    answer_files.check(path, [tiny.SURROGATE])
  text = str(caught.value)
  assert "'caf\\udce9.jpg'" in text and '.jsonl' in text
  assert text.isprintable() and text.isascii()


@pytest.mark.parametrize('name, ids, complaint', [
    ('answers.xml', ['a'], r"ends in '.xml'; choices are .json, .jsonl, .csv"),
    ('answers', ['a'], r"ends in ''"),
    ('none/answers.csv', ['a'], 'there is no folder'),
    ('answers.csv', ['a', ''], 'empty id'),
    ('answers.kml', ['a', 'b', 'a'], "more than once: 'a'"),
    ('answers.kml', ['a\x01b'], 'cannot hold')])
def test_refused_in_one_line(tmp_path, name, ids, complaint):
  with pytest.raises(ValueError, match=complaint) as caught:
    answer_files.check(tmp_path / name, ids)
  assert '\n' not in str(caught.value)


def test_a_place_that_is_none_leaves_the_former_file(tmp_path):
  path = tmp_path / 'answers.geojson'
  answer_files.write(path, [tiny.answer()])
  before = path.read_bytes()
  for bad in ((91., 0.), (float('nan'), 0.), (0., 181.)):
    with pytest.raises(ValueError, match="answer of 'a'"):
      answer_files.write(path, [tiny.answer('a', bad)])
  assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
