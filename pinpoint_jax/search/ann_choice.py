"""Which engine an index is built with: the one that is faster on its own rows.

  each engine ─▶ its fastest effort at the recall (ann_tuning)
              ─▶ all of them search in turn ─▶ the fastest is kept, and why

An engine that is there already stays unless another is faster by more than
measurements err: to change it means to build and to write it again.
"""

from collections.abc import Iterable, Mapping
import dataclasses
import statistics
import time
from typing import Any

from pinpoint_jax.search import ann_tuning

_ROUNDS = 7
# How many times as fast another engine must be.
_WORTH_IT = 1.05


@dataclasses.dataclass(frozen=True)
class Choice:
  """What was chosen, and the measurements that speak for it.

  Attributes:
    index: the fastest one, at the effort that reaches the recall; its record
      says why.
    tuned: the efforts tried of each engine that reached it.
    missed: of each other engine, what the best of its efforts reached.
  """

  index: ann_tuning.Tunable
  tuned: Mapping[str, ann_tuning.Tuned]
  missed: Mapping[str, str]


def choose(contenders: Iterable[ann_tuning.Tunable], asked: ann_tuning.Asked,
           target: float | int) -> Choice:
  """The fastest engine at that recall; the first is the one to replace.

  Refused where no engine reaches the recall.
  """
  ready, tuned, missed = {}, {}, {}
  for built in contenders:
    try:
      tuned[built.engine] = ann_tuning.tune(built, asked, target)
    except ann_tuning.NotReached as error:
      missed[built.engine] = str(error)
      continue
    settings = tuned[built.engine].settings
    ready[built.engine] = built.with_effort(
        settings.leaves_to_search, settings.reorder)
  if not ready:
    raise ann_tuning.NotReached('; '.join(
        f'{engine}: {why}' for engine, why in missed.items()))
  rates = _rates(ready, asked)
  name, reason = fastest(rates, next(iter(ready)))
  record = {'reason': reason, 'recall': float(target),
            'k': asked.k, 'num_queries': len(asked.queries),
            'missed': missed, 'engines': {
                engine: {'queries_per_s': rate,
                         'recall': tuned[engine].chosen.recall,
                         'leaves_to_search': index.settings.leaves_to_search,
                         'reorder': index.settings.reorder}
                for (engine, index), rate in zip(ready.items(),
                                                 rates.values())}}
  return Choice(ready[name].with_tuning(record), tuned, missed)


def fastest(rates: Mapping[str, float], current: str) -> tuple[str, str]:
  """The engine to take, and why; rates are queries per second.

  `current` stays unless another is worth the change.
  """
  best = max(rates, key=rates.get)
  if len(rates) == 1:
    return best, f'{best} is the only engine that was compared'
  ratio = rates[best] / rates[current]
  if best == current:
    second = max((name for name in rates if name != best), key=rates.get)
    return best, (f'{best} answers {rates[best] / rates[second]:.2f} times as '
                  f'many queries a second as {second}')
  if ratio < _WORTH_IT:
    return current, (f'{best} answers only {ratio:.2f} times as many queries '
                     f'a second as {current}: below {_WORTH_IT} it stays')
  return best, (f'{best} answers {ratio:.2f} times as many queries a second '
                f'as {current}')


def _rates(ready: Mapping[str, Any],
           asked: ann_tuning.Asked) -> dict[str, float]:
  """Queries per second of each, in turn: a busy machine is busy for all."""
  seconds = {name: [] for name in ready}
  for _ in range(_ROUNDS):
    for name, index in ready.items():
      started = time.perf_counter()
      index.search(asked.queries, asked.k)
      seconds[name].append(time.perf_counter() - started)
  return {name: len(asked.queries) / statistics.median(taken)
          for name, taken in seconds.items()}
