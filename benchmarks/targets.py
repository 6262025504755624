"""Every speed that was aimed at, and where its figure stands in the results.

A figure is read from the JSON of one part; a reason is of a profile and says
why a target is missed where it is.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

# By the name of a part: its results, None where there are none.
Results = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Target:
  """One figure that was aimed at.

  Attributes:
    step: of the plan, in which it was set.
    about: what is measured.
    part: whose results have the figure.
    read_fn: takes the figure out of them.
    bound: what it should reach.
    at_least: whether more is better.
    unit: of figure and bound; × is a ratio of one run.
    reason: why it is missed, where it is.
  """

  step: int
  about: str
  part: str
  read_fn: Callable[[Any], float]
  bound: float
  at_least: bool
  unit: str
  reason: str = ''

  def ratio(self, figure: float) -> float:
    """How many times as good as the bound."""
    good = (figure, self.bound) if self.at_least else (self.bound, figure)
    return good[0] / max(good[1], 1e-12)


def of_peers(searched: dict[str, dict]) -> float:
  """The best peer's time over ours: 1 and more is won."""
  return min(one['ours_over_this_wall'] for name, one in searched.items()
             if name not in ('ours', 'bare', 'our_faiss'))


def of_chosen(searched: dict[str, dict]) -> float:
  """The best peer's time over that of the engine that tune_index takes."""
  return of_peers(searched) / min(
      1., searched['our_faiss']['ours_over_this_wall'])


def exact_row(result: dict, batch: int, stored: str) -> float:
  """faiss Flat's time over ours."""
  return next(row['ratio'] for row in result['queries_per_second']
              if (row['batch'], row['stored']) == (batch, stored))


def onnx_ratio(result: dict, model: str) -> float:
  """onnxruntime's time over ours."""
  return result['images_per_second'][model]['beside_onnxruntime']['ratio']


def seconds_per_photo(result: dict, backbone: str, batch: int) -> float:
  """Milliseconds of a photo on that backbone."""
  return 1e3 * next(
      row['wall_s'] for row in result['seconds_per_photo']
      if row['backbone'].startswith(backbone) and row['batch'] == batch)


def _searches() -> list[Target]:
  targets = []
  for part, key in (('search_200k_256', '200000x256'),
                    ('search_200k_512', '200000x512'),
                    ('search_1000k_512', '1000000x512')):
    for k in (100, 12):
      for recall in ('0.95', '0.99'):
        name = f'k={k} recall>={recall}'
        targets.append(Target(
            5, f'ScaNN in our index beside the best peer, {key}, {name}', part,
            lambda x, key=key, name=name: of_peers(x[key]['searched'][name]),
            1., True, '×', _BESIDE_FAISS))
        targets.append(Target(
            17, 'the same, by the engine that tune_index takes', part,
            lambda x, key=key, name=name: of_chosen(x[key]['searched'][name]),
            1., True, '×', _CHOSEN))
    targets.append(Target(
        5, f'bare ScaNN beside our wrapper, {key}, k=100, .95', part,
        lambda x, key=key: x[key]['searched']['k=100 recall>=0.95']['bare'][
            'ours_over_this_wall'], .95, True, '×', _BARE))
  return targets


_BESIDE_FAISS = ('the choice of cells, a third of a query at 447 of them: in '
                 'whole numbers, so that no other query of a batch can change '
                 'it; on an Intel Xeon with AVX-512 faiss is twice as fast; '
                 'tune_index takes it where it is installed and faster')
_CHOSEN = ('efforts of a grid: ours by faiss with 447 cells took recall .996 '
           'where faiss alone took .991')
_BARE = ('the clock: .970 by CPU time; besides the call itself we replace NaN '
         'and order ties')
_FLAT = ('three rounds: runs of one code gave .91, 1.02 and 1.33; of 300,000 '
         'rows products alone take 79 %, at the rate of BLAS, exact scores of '
         'what is left 6')
_WIDENING = ('three rounds: runs of one code gave .84, .91 and 1.45; where the '
             'processor has no bfloat16 products, with which an Intel Xeon '
             'reached 1.77')
_NEAR = ('rows near candidates 48 % (over half of it reading and widening '
         'them), network 41, vectors of candidates and support 11')
_LIGHT = '4.05 ms on an Intel Xeon with the code of before'
_FULL_ATTENTION = ('2.82 GFLOP, of which MLPs 61 % and query, key and value '
                   '22 %: 15 ms on two cores at the rate of BLAS')
_LONG_LIST = ('searches take 9 of 27 ms, exact similarities of the whole list '
              'under all channels 9')

_ONE_ANSWER = ('rows near candidates 25 % of it, network 22, searches 20, '
               'encoder 13, place and evidence 17')
_PREDICT = ('imports 37 %, tracing rerankers and encoder 17, loading '
            '19, the table of cities and its tree 25 (before it was read in '
            'half the time)')
_TRAINING = ('imports 30 %, tracing and fetching the step 32, the first state '
             '19, the two evaluations 8')
_VIT = ('three rounds; the loop over layers costs 2 to 3 % (unrolled 1.03 and '
        '1.02 times as fast on an AMD EPYC); there XLA multiplies the shapes '
        'of a layer at .75 (L/16) and .83 (B/16) of the rate of BLAS')
_COLD = ('the disk: three rounds gave .30, .42 and 1.57, its own sequential '
         'reads .73 to 2.36 GB/s')
_PRODUCTS = ('one round, loops unrolled; .82 and .96 × for 1,024 and 4,096 on '
             'a slower AMD EPYC, where XLA multiplied at .61 to .70 of the '
             'rate of BLAS; on an H200 training is 1.11 ×')
_EXAMPLES = 'by one process on two cores; two take three quarters of its time'

TARGETS = (
    Target(3, 'decode and resize beside Pillow alone, 256 px', 'extract',
           lambda x: x['decode_ratio']['256'], .95, True, '×'),
    Target(3, 'the same, 384 px', 'extract',
           lambda x: x['decode_ratio']['384'], .95, True, '×'),
    Target(3, 'SigLIP 2 B/16-224 beside transformers', 'vit',
           lambda x: x['images_per_second']['siglip2-b16-224']['ratio'], 1.,
           True, '×'),
    Target(3, 'SigLIP 2 L/16-256 beside transformers', 'vit',
           lambda x: x['images_per_second']['siglip2-l16-256']['ratio'], 1.,
           True, '×', _VIT),
    Target(3, 'SigLIP 2 B/16-224 beside onnxruntime', 'vit',
           lambda x: onnx_ratio(x, 'siglip2-b16-224'), 1., True, '×', _VIT),
    Target(3, 'SigLIP 2 L/16-256 beside onnxruntime', 'vit',
           lambda x: onnx_ratio(x, 'siglip2-l16-256'), 1., True, '×'),
    Target(4, 'training of the embedder beside PyTorch, batch 1024', 'embedder',
           lambda x: x['cases']['full 1024']['ratio'], 1.2, True, '×',
           _PRODUCTS),
    Target(4, 'the same, batch 4096', 'embedder',
           lambda x: x['cases']['full 4096']['ratio'], 1.2, True, '×',
           _PRODUCTS),
    Target(4, 'batches over what the step consumes', 'loader',
           lambda x: x['warm']['ratio'], 5., True, '×'),
    Target(4, 'batches from a cold store over a sequential read', 'loader',
           lambda x: x['cold']['ratio'], .7, True, '×', _COLD),
    Target(5, 'exact search beside faiss Flat, 1,024 queries, float32',
           'exact_1000k_512', lambda x: exact_row(x, 1024, 'float32'), 1., True,
           '×', _FLAT),
    Target(5, 'the same, float16', 'exact_1000k_512',
           lambda x: exact_row(x, 1024, 'float16'), 1., True, '×', _WIDENING),
    Target(5, 'the same, one query, float32', 'exact_1000k_512',
           lambda x: exact_row(x, 1, 'float32'), 1., True, '×'),
    Target(5, 'the same, one query, float16', 'exact_1000k_512',
           lambda x: exact_row(x, 1, 'float16'), 1., True, '×'),
    *_searches(),
    Target(5, 'cost of a query: power of the rows', 'large_gallery',
           lambda x: x['growth'], 1., False, ''),
    Target(6, 'reranking of 12, small network', 'answer',
           lambda x: x['reranking_12_quick']['one_ranker']['wall_p50_ms'], 5.,
           False, 'ms', _NEAR),
    Target(6, 'reranking of 12, full size', 'answer',
           lambda x: x['reranking_12_full']['one_ranker']['wall_p50_ms'], 5.,
           False, 'ms', _FULL_ATTENTION),
    Target(6, '1,000 queries of 12, small network', 'answer',
           lambda x: x['reranking_12_quick']['many_ranker']['wall_s'], 2.,
           False, 's', _NEAR),
    Target(6, 'light reranker over 768, one query', 'answer',
           lambda x: x['light_768']['one']['wall_p50_ms'], 5., False, 'ms',
           _LIGHT),
    Target(6, 'feature to answer, small embedder, attention', 'answer',
           lambda x: x['end_to_end_attention']['whole_quick_encoder'][
               'wall_p50_ms'], 20., False, 'ms'),
    Target(6, 'feature to answer, small embedder, light over 768', 'answer',
           lambda x: x['end_to_end_light']['whole_quick_encoder'][
               'wall_p50_ms'], 20., False, 'ms', _LONG_LIST),
    Target(6, 'GeoCLIP\'s way over ours (small embedder, attention)', 'answer',
           lambda x: x['geoclip']['wall_p50_ms'] / x['end_to_end_attention'][
               'whole_quick_encoder']['wall_p50_ms'], 1., True, '×'),
    Target(15, 'a model and a gallery opened', 'load',
           lambda x: x['index']['opened_s'], 3., False, 's'),
    Target(15, 'one feature answered', 'load',
           lambda x: x['index']['one_feature']['wall_p50_ms'], 20., False,
           'ms', _ONE_ANSWER),
    Target(15, 'EfficientNet-Lite0 on four tiles, one photo', 'backbones',
           lambda x: seconds_per_photo(x, 'efficientnet', 1), 80., False,
           'ms'),
    Target(16, 'scoring of 210,122 answers', 'scoring',
           lambda x: x['truth']['wall_s'], 60., False, 's'),
    Target(16, 'an audit by features of 5,000 × 1,000,000, from 100,000',
           'audit', lambda x: 10 * x['parts']['features']['wall_s'], 300.,
           False, 's'),
    Target(17, 'a second start of predict, with its imports', 'start',
           lambda x: x['predict']['second_s'], 5., False, 's', _PREDICT),
    Target(17, 'a second start of training, with its imports', 'start',
           lambda x: x['train']['second_s'], 5., False, 's', _TRAINING),
    Target(17, 'training examples of 200,000 queries by index, from 2,048 on '
           '100,000 rows', 'examples', lambda x: x['takes_s'] / 60, 15., False,
           'minutes', _EXAMPLES),
    Target(17, 'the same: recall of the index', 'examples',
           lambda x: min(x['recall'].values()), .95, True, ''),
)
