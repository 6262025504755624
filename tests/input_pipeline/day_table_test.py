"""Days of photos as their owners write them."""

from input_pipeline import day_table
import numpy as np
import pytest


def read(tmp_path, text):
  path = tmp_path / 'days.csv'
  path.write_text(text)
  return day_table.read_days([path])


@pytest.mark.parametrize('text, day', [
    ('2024-05-31', '2024-05-31'), ('2024:05:31 12:00:01', '2024-05-31'),
    ('2012-02-29T23:59:59Z', '2012-02-29'),
    ('1717113600000', '2024-05-31')])  # 2024-05-31 00:00:00 UTC.
def test_days_are_read(tmp_path, text, day):
  days = read(tmp_path, f'id,captured_at,x\na,{text},1\nb,,2\n')
  assert days == {'a': day}
  np.testing.assert_array_equal(
      day_table.of(np.asarray(['b', 'a', 'z']), days), ['', day, ''])


@pytest.mark.parametrize('text', ['31.5.2024', '2023-02-29', '2024-05-311',
                                  '99999999999999'])
def test_what_is_no_day_is_refused(tmp_path, text):
  with pytest.raises(ValueError, match=r'days.csv: line 2: .* is no day'):
    read(tmp_path, f'id,day\na,{text}\n')


def test_a_missing_column_is_named(tmp_path):
  with pytest.raises(ValueError, match=r"'captured_at'.*found \['id', 'x'\]"):
    read(tmp_path, 'id,x\na,1\n')
