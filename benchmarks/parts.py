"""What `make bench` runs: every part, its size and the minutes it may take.

Sizes are such that all of it ends within 90 minutes on two idle cores; what
needs longer is in the page of each benchmark, by itself.
"""

import dataclasses

LIMIT_MINUTES = 90.


@dataclasses.dataclass(frozen=True)
class Part:
  """One benchmark at one size.

  Attributes:
    name: of the part, and of its file of results.
    about: what is measured, and beside what.
    module: of benchmarks.
    args: of its command line, besides --out and the peer's python.
    minutes: the most that it may take; it is ended then.
    peer: '', search or torch: whose python it needs.
  """

  name: str
  about: str
  module: str
  args: tuple[str, ...]
  minutes: float
  peer: str = ''


def _search(rows: int, dim: int, minutes: float, *engines: str) -> Part:
  return Part(
      f'search_{rows // 1000}k_{dim}', f'approximate search, {rows:,} × {dim}, '
      f'beside bare ScaNN, {", ".join(engines)}', 'search_bench',
      (f'--rows={rows}', f'--dim={dim}', '--rounds=15', '--engines',
       *engines), minutes, 'search')


PARTS = (
    Part('metrics', 'errors and bootstrap', 'metrics_bench', (), .5),
    Part('scoring', 'scoring of 210,122 answers', 'scoring_bench', (), 1.5),
    Part('loader', 'batches from feature stores', 'loader_bench',
         ('--cold_rows=800000', '--num_steps=1'), 3.),
    Part('extract', 'decode beside Pillow; rows by the 100,000',
         'extract_bench', ('--rows', '20000', '100000'), 1.5),
    Part('vit', 'extraction beside transformers and onnxruntime: SigLIP 2 B/16 '
         'and L/16', 'vit_bench', ('--rounds=3', '--batch=4'), 5., 'torch'),
    Part('backbones', 'backbones, photo by photo', 'backbones_bench',
         ('--rounds=5',), 1.5),
    Part('embedder', 'training of the embedder beside PyTorch',
         'embedder_bench', ('--rounds=7', '--full_rounds=1'), 9., 'torch'),
    Part('exact_1000k_512', 'exact search, 1,000,000 × 512, beside faiss Flat',
         'exact_bench', ('--rows', '1000000', '--dims', '512', '--ks', '100',
                         '--batches', '1', '1024', '--kinds', 'float32',
                         'float16', '--rounds=3'), 4.5, 'search'),
    _search(200_000, 512, 12., 'faiss', 'our_faiss', 'hnswlib', 'usearch'),
    _search(200_000, 256, 5., 'faiss', 'our_faiss'),
    _search(1_000_000, 512, 13., 'faiss', 'our_faiss'),
    Part('large_gallery', 'a gallery of 10,000 to 1,000,000 rows built, '
         'verified and searched', 'large_gallery_bench',
         ('--rows', '10000', '100000', '1000000'), 8.),
    Part('examples', 'training examples of rerankers by index, 100,000 rows',
         'examples_bench', ('--rows=100000', '--queries=2048'), 4.),
    Part('answer', 'from a feature to a place beside GeoCLIP\'s way, 100,000 '
         'rows', 'answer_bench', ('--rows=100000',), 9.),
    Part('load', 'a model and 100,000 rows opened, the first answers',
         'load_bench', ('--rows=100000',), 5.),
    Part('audit', 'an audit of 5,000 queries against 100,000 rows',
         'audit_bench', ('--rows=100000', '--queries=5000', '--dim=1536'), 3.),
    Part('start', 'a second start of predict and of training', 'start_bench',
         (), 2.5),
)
