"""Lines of a run are short and hold what people read."""

from experiments.run import training_run
import pytest


def test_a_step_shows_loss_rate_and_time_left(capsys, monkeypatch):
  times = iter((0.0, 100.0))
  monkeypatch.setattr(training_run.time, 'monotonic', lambda: next(times))
  show = training_run.Steps(1000)
  facts = {'samples_per_s': 12345.6, 'goodput': 0.5, 'wall_s': 9.0}
  show(1, {'grad_norm': 2.0, 'loss': 0.51234} | facts)
  show(101, {'loss': 0.4, 'grad_norm': 2.0} | facts)
  assert capsys.readouterr().out.splitlines() == [
      'step 1/1000  loss 0.5123  12,346 samples/s',
      # 100 steps took 100 s, 899 are to come.
      'step 101/1000  loss 0.4  12,346 samples/s  15 min left']


def test_an_evaluation_is_a_line_each_and_never_long(capsys):
  figures = {f'{name}/{key}': 0.123456 for name in ('a', 'b') for key in (
      'mean_km', *(f'num@{km}km' for km in range(20)), 'acc@25km', 'geoscore')}
  training_run.Steps(10)(5, figures)
  lines = capsys.readouterr().out.splitlines()
  assert len(lines) == 2 and max(map(len, lines)) <= 100
  assert lines[1].startswith(
      'step 5/10  b  acc@25km 12.3 %  geoscore 0.1235  mean_km 0.1235  num@0')


@pytest.mark.parametrize('seconds, text', [
    (0.4, '0 s'), (89.4, '89 s'), (90, '2 min'), (3599, '1 h 00 min'),
    (3900, '1 h 05 min')])
def test_durations(seconds, text):
  assert training_run.duration(seconds) == text
