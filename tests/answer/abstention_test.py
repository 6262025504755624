"""How sure an answer has to be: thresholds read, reasons given."""

from pinpoint_jax.answer import abstention
import pytest


def test_a_threshold_is_written_as_figures_are():
  assert abstention.parse('0.8@25km') == abstention.Threshold(.8, 25)
  assert abstention.parse('1@2500km') == abstention.Threshold(1., 2500)
  assert abstention.parse('') is None


@pytest.mark.parametrize('text', [
    '0.8', '25km', '0.8@25', '0@25km', '1.1@25km', '.5@26km', 'nan@25km',
    '-.5@25km', '0.8@25km,200km'])
def test_what_is_no_threshold_is_refused_in_a_line(text):
  with pytest.raises(ValueError, match='as in 0.8@25km') as error:
    abstention.parse(text)
  assert text in str(error.value) and '\n' not in str(error.value)


def test_the_reason_names_both_chances():
  threshold = abstention.Threshold(.8, 25)
  assert threshold.reason({1: 0., 25: .8}, 'photo') == ''
  assert threshold.reason({1: .9, 25: .41}, 'photo') == (
      'too unsure: within 25 km with a chance of 0.41, 0.8 is asked for')
  assert threshold.reason({}, 'street').startswith('not calibrated for street')
