"""Writes tests/parity/references; runs in its own venv, with torch.

  make parity     also checks fresh random models against torch

Of every model only the names and shapes of its tensors, its config and its
output are kept: the weights come from tests/parity/seeded.py again.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np
import safetensors.numpy
import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.parity import cases, seeded

BATCH = 2


def model_reference(case: cases.Case) -> tuple[dict, np.ndarray]:
  """What tests need to rebuild the files of a model, and its output."""
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    sharding = {'max_shard_size': case.shard} if case.shard else {}
    _build(case).save_pretrained(folder, **sharding)
    files = {path.name: _reseed(path)
             for path in sorted(folder.glob('*.safetensors'))}
    model = getattr(transformers, case.model).from_pretrained(folder).eval()
    config = json.loads((folder / 'config.json').read_text())
  images = seeded.pixels(case.name, (BATCH, *case.image_size, 3))
  pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
  tower = getattr(model, 'vision_model', model)
  interpolate = ({} if 'Dinov2' in case.model else
                 {'interpolate_pos_encoding': True})
  with torch.inference_mode():
    pooled = tower(pixel_values=pixels, **interpolate).pooler_output
  return {'config': config, 'files': files,
          'image_size': case.image_size}, pooled.numpy()


def _build(case: cases.Case) -> torch.nn.Module:
  kind = getattr(transformers, case.model)
  if kind.config_class.__name__ in ('SiglipConfig', 'CLIPConfig'):
    return kind(kind.config_class(text_config=cases.text_config(),
                                  vision_config=case.config))
  return kind(kind.config_class(**case.config))


def _reseed(path: pathlib.Path) -> dict[str, list[int]]:
  """Replaces a file's values by seeded ones; gives its names and shapes."""
  tensors = safetensors.numpy.load_file(path)
  safetensors.numpy.save_file(
      {name: np.asarray(seeded.tensor(name, value.shape))
       for name, value in tensors.items()}, path, {'format': 'pt'})
  return {name: list(value.shape) for name, value in sorted(tensors.items())}


def processor_reference(kind: str, arguments: dict) -> tuple[dict, dict]:
  """A processor's own config and its pixels of every photo, [h, w, 3]."""
  processor = getattr(transformers, kind)(**arguments)
  pixels = {}
  for height, width in cases.PHOTOS:
    photo = seeded.photo(height, width)
    out = processor(photo, return_tensors='np')['pixel_values'][0]
    pixels[f'{height}x{width}'] = out.transpose(1, 2, 0).astype(np.float32)
  return processor.to_dict(), pixels


def write(out: pathlib.Path, models: tuple[cases.Case, ...],
          processors: dict) -> None:
  """Writes models.json, processors.json and arrays.npz."""
  out.mkdir(parents=True, exist_ok=True)
  described, configs, arrays = {}, {}, {}
  for case in models:
    described[case.name], arrays[f'model/{case.name}'] = model_reference(case)
  for name, (kind, arguments) in processors.items():
    configs[name], pixels = processor_reference(kind, arguments)
    arrays |= {f'pixels/{name}/{key}': value for key, value in pixels.items()}
  for name, content in (('models', described), ('processors', configs)):
    (out / f'{name}.json').write_text(
        json.dumps(content, sort_keys=True, default=str) + '\n')
  np.savez_compressed(out / 'arrays.npz', **arrays)


def main() -> None:
  """Writes the committed references, or those of --cases (a JSON list)."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', type=pathlib.Path, required=True)
  parser.add_argument('--cases', type=pathlib.Path)
  args = parser.parse_args()
  if args.cases:
    wanted = json.loads(args.cases.read_text())
    write(args.out, tuple(cases.Case(**case) for case in wanted), {})
  else:
    write(args.out, cases.CASES, cases.PROCESSORS)


if __name__ == '__main__':
  main()
