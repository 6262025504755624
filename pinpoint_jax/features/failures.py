"""Photos that give no feature: how many are too many."""

from collections import Counter

# Too few to judge a share by.
_MIN_SEEN = 50


class TooManyFailures(ValueError):
  """More photos fail than was allowed; the data is probably not what it was."""


def check(where: str, reasons: Counter[str], seen: int,
          allowed: float | int) -> None:
  """Refuses more than `allowed` of the photos seen, once those are enough."""
  failed = reasons.total()
  if seen >= _MIN_SEEN and failed > allowed * seen:
    raise TooManyFailures(
        f'{where}: {failed} of {seen} photos give no feature '
        f'{dict(reasons.most_common())}, more than max_failed_share={allowed};'
        f' look at the data, or raise the share')
