"""The plots of a page of a run as files: SVG, PNG and PDF."""

from collections.abc import Sequence
import pathlib
import re

from pinpoint_jax.disk import files
from pinpoint_jax.report import pdf_plots, png_plots, run_plots, svg_shapes
from pinpoint_jax.report.page_records import RunPage

FORMATS = ('svg', 'png', 'pdf')


def formats(text: str) -> list[str]:
  """Formats as a user lists them."""
  names = [name.strip() for name in text.split(',') if name.strip()]
  unknown = [name for name in names if name not in FORMATS]
  if unknown:
    raise ValueError(f'--formats={text}: {unknown[0]!r} is none of '
                     f'{", ".join(FORMATS)}')
  return names


def write(folder: pathlib.Path, shown: RunPage,
          names: Sequence[str]) -> list[pathlib.Path]:
  """Writes every plot in every one of those formats; their paths."""
  folder.mkdir(parents=True, exist_ok=True)
  paths = []
  for title, drawn in run_plots.drawings(shown).items():
    stem = re.sub(r'[^\w.-]', '_', title)
    for name in names:
      paths.append(folder / f'{stem}.{name}')
      with files.atomic(paths[-1]) as file:
        file.write(_content(drawn, name))
  return paths


def _content(drawn: str, name: str) -> bytes:
  if name == 'svg':
    return drawn.encode()
  shapes = svg_shapes.read(drawn)
  return png_plots.png(shapes) if name == 'png' else pdf_plots.pdf(shapes)
