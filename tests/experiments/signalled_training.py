"""train_embedder that sends itself a signal, or slows down, where told.

SIGNAL_AT=TERM:step:3  when the line of step 3 is shown
SIGNAL_AT=TERM:run:2   in the second evaluation (of both sources)
PACE=0.1               seconds that every shown line takes besides
"""

import os
import signal
import time

from experiments import launch, progress, train_embedder
from pinpoint_jax.evals import location_retrieval

_WHAT, _WHERE, _WHEN = os.environ.get('SIGNAL_AT', '::').split(':')
_PACE = float(os.environ.get('PACE', 0))


class Steps(progress.Steps):
  """Signals at a step."""

  def __call__(self, step, metrics):
    super().__call__(step, metrics)
    time.sleep(_PACE)
    if _WHERE == 'step' and step == int(_WHEN) and 'loss' in metrics:
      send()


class LocationRetrieval(location_retrieval.LocationRetrieval):
  """Signals in an evaluation."""

  runs = 0

  def run(self, state):
    LocationRetrieval.runs += 1
    if _WHERE == 'run' and LocationRetrieval.runs == int(_WHEN):
      send()
    return super().run(state)


def send():
  """The real signal, to this very process."""
  os.kill(os.getpid(), signal.Signals[f'SIG{_WHAT}'])


if __name__ == '__main__':
  progress.Steps = Steps
  location_retrieval.LocationRetrieval = LocationRetrieval
  launch.run(train_embedder.main, ('allow_config_change',), record=False)
