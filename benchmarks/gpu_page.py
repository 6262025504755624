"""The page of what a GPU was seen to do."""

from collections.abc import Iterator
import pathlib

from pinpoint_jax.report import tables

_HEAD = """# On a GPU

`make bench-gpu` writes this page; {device}, jax {jax}. torch ran on the same
card in turn with ours, with the same weights and inputs; of so many rounds the
median. × is torch's best time over ours: above 1 ours is faster.

"""
_REDUCED = """**Reduced: no GPU was there. All of it ran small, on a CPU; the
figures say that it runs and nothing else.**

"""
_NOTES = """
## Where the time went

Read from profiles on an H200 with jax 0.11.2, in November 2026.

- *Training*, bfloat16, 2 × 8,192: a step took 33.5 ms (0.69 × torch) with the
  residual MLPs in rolled loops, which copy weights, activations and gradients
  into and out of stacks, and 23.6 ms with the loops unrolled, compiled in the
  same time. Loops are unrolled now but on TPUs (`--config.model.loop`), where
  rolled ones compile in 47 CPU seconds instead of 62 and move 7.6 GB instead of
  11. All pairs at once instead of 1,024 columns at a time take 1.8 ms less (now
  so on a GPU alone); of the rest dropout takes 2.7.
- *Extraction*, SigLIP 2, bfloat16: cuDNN's attention is 1.29 (B/16 at 256) to
  1.63 times (so400m at 384) as fast as the plain one, and is taken by itself
  (`--config.attention=auto`).
- *Exact search*: the first run gave 0.16 × torch for 1,024 queries and 0.03 ×
  for one. Of 256 queries and 2 million rows of 256 float16 the card took 62.6
  ms with chunks of 8,192 rows; it takes 12.0 with chunks of 524,288, of which
  only the highest of each 64 scores is sorted at first. What is left is mostly
  the host's: exact scores in float64, which make the answer the same to the bit
  everywhere. Since the run in the table the host scores fewer rows and sorts
  them faster: 109 ms instead of 174 for 1,024 queries of 1.5 million rows on
  two cores, 2.0 instead of 2.8 for one. That was not measured on a card.
- Two jobs of `make demo` at a time failed on one card, as the first took most
  of its memory: they take what they need now.
"""
# Dense bfloat16, TFLOP per second, by the vendor.
PEAKS = {'NVIDIA H100 80GB HBM3': 989., 'NVIDIA H200': 989.}


def rows(result: dict) -> Iterator[tuple[str, ...]]:
  """A line for each case and side."""
  peak = PEAKS.get(result['device'])
  for name, case in result['cases'].items():
    parts = {f'{name}, {part}': rates for part, rates in case.items()
             if isinstance(rates, dict) and 'tflops' in rates}
    for label, part in (parts or {name: case}).items():
      best = max((side for side in part['tflops'] if side.startswith('ours')),
                 key=part['tflops'].get)
      ratio = f'{part["ratio"]:.2f} ×' if part['ratio'] else '–'
      for side, rate in part['per_second'].items():
        tflops = part['tflops'][side]
        yield (label, str(case['rounds']), side, f'{rate:,.4g}',
               f'{tflops:.4g}', f'{tflops / peak:.0%}' if peak else '–',
               ratio if side == best else '')


def write(path: pathlib.Path, result: dict) -> None:
  """Writes the page."""
  head = _HEAD.format(device=result['device'], jax=result['versions']['jax'])
  path.write_text(
      head + (_REDUCED if result['reduced'] else '') + tables.grid(
          ('case', 'rounds', 'side', 'a second', 'TFLOP/s', 'of the peak',
           'beside torch'), list(rows(result)), 3) + _NOTES)
