"""What the demo claims, and judges by paired differences of its own queries."""

from collections.abc import Iterator, Sequence

from pinpoint_jax.evals import claims, results
from pinpoint_jax.evals.claims import Claim, System

# Photos of new authors: of known ones the gallery holds the same visit.
QUERIES = ('query_photo_new', 'query_street')
_THRESHOLDS = ('acc@1km', 'acc@25km', 'acc@200km', 'acc@750km', 'acc@2500km')
_FULL = System('full')
# What the parts were left out of: `full` may be the attention network.
_WHOLE = System('interaction')


def of(keys: Sequence[results.Key]) -> list[Claim]:
  """The claims that a table with these rows can judge."""
  there = set(keys)
  return [claim for claim in every()
          if all(side.on(queries) in there for queries in claim.queries
                 for side in (claim.better, claim.base))]


def judged(rows: Sequence[claims.Row], errors: dict,
           num_resamples: int) -> list[dict]:
  """Rows of claims.json."""
  return claims.judged(of(list(errors)), [claims.Run(rows, errors)],
                       num_resamples)


def every() -> Iterator[Claim]:
  """All claims, also those that a smaller table cannot judge."""
  for queries in QUERIES:
    kind = 'street views' if queries.endswith('street') else 'photos'
    def claim(text: str, better: System, base: System,
              statistic: str = 'acc@25km', kind: str = kind,
              queries: str = queries) -> Claim:
      return Claim(f'{text} ({kind})', better, base, (queries,), statistic)
    for statistic in ('acc@1km', 'acc@25km', 'acc@200km', 'geoscore'):
      yield claim('the reranker beats the fused retrieval', _FULL,
                  System('retrieval'), statistic)
    yield claim('its network beats its own linear part', _FULL,
                System('linear'))
    yield claim('support of the other source helps', _WHOLE,
                System('full_no_support'))
    for variant, text in (('no own source', 'rows of the own source near it'),
                          ('no region', 'the region prior'),
                          ('no density', 'density'),
                          ('no hubness', 'hubness'),
                          ('lists by similarity', 'the region order of lists'),
                          ('no columns', 'all columns together')):
      yield claim(f'{text} help' if variant == 'no columns' else
                  f'{text} helps', _WHOLE, System('full', variant=variant))
    for statistic in ('acc@25km', 'acc@200km', 'geoscore'):
      yield claim('two sources beat one', _FULL,
                  System('full_single_source', 'same_source'), statistic)
    yield claim('searching both sources beats searching one', _FULL,
                System('full', 'same_source'))
    yield claim('expected reward beats the paper’s pairwise form', _FULL,
                System('full_pairwise'))
    yield claim('a Plackett–Luce loss is better', System(
        'full', variant='Plackett–Luce loss'), _WHOLE)
    yield claim('attention beats the interaction network',
                System('attention'), System('interaction'))
    yield claim('it beats the light reranker', _FULL, System('light'))
    yield claim('the region prior beats raw similarity',
                System('region_prior'), System('raw_1nn'))
    yield claim('fusion beats raw similarity', System('retrieval'),
                System('raw_1nn'))
    yield claim('the location channel beats raw similarity',
                System('location_top1'), System('raw_1nn'))
    for statistic in _THRESHOLDS:
      yield claim('it beats GeoCLIP’s way', _FULL, System('geoclip_style'),
                  statistic)
    for name in ('raw_1nn', 'location_top1', 'retrieval', 'light', 'full'):
      yield claim(f'{name}: expected score beats argmax', System(
          name, decode='expected_score'), System(name), 'geoscore')
