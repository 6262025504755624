"""Our ViT gives transformers' numbers; references in tests/parity."""

import json

import numpy as np
from pinpoint_jax.images import preprocess
from pinpoint_jax.pretrained import configs
import pytest

from tests.parity import cases, rebuild, seeded

MODELS = json.loads((rebuild.REFERENCES / 'models.json').read_text())
PROCESSORS = json.loads((rebuild.REFERENCES / 'processors.json').read_text())


@pytest.fixture(scope='module')
def arrays():
  with np.load(rebuild.REFERENCES / 'arrays.npz') as file:
    return dict(file)


@pytest.mark.parametrize('name', MODELS)
def test_pooled_output_is_theirs(name, arrays, tmp_path):
  pooled = arrays[f'model/{name}']
  assert pooled.std() > 0.1  # A reference of zeros would prove nothing.
  difference = rebuild.worst_difference(name, MODELS[name], pooled, tmp_path)
  assert difference <= 1e-4


def test_the_references_cover_what_they_should():
  kinds = {m['config']['model_type'] for m in MODELS.values()}
  assert kinds == {'siglip', 'siglip_vision_model', 'clip',
                   'clip_vision_model', 'dinov2', 'dinov2_with_registers'}
  assert set(MODELS) == {case.name for case in cases.CASES}
  assert any(len(m['files']) > 1 for m in MODELS.values())


@pytest.mark.parametrize('name', PROCESSORS)
def test_pixels_are_theirs(name, arrays):
  ops = configs.preprocess_ops(PROCESSORS[name], name)
  for height, width in cases.PHOTOS:
    theirs = arrays[f'pixels/{name}/{height}x{width}']
    ours = preprocess.parse(ops)(seeded.photo(height, width))
    assert ours.dtype == np.float32
    # 1/255 in the units of the photo, before the division by std.
    std = np.asarray(PROCESSORS[name]['image_std'], np.float32)
    worst = (np.abs(ours - theirs) * std.reshape(1, 1, 3)).max()
    assert worst <= 1 / 255, (height, width)


def test_a_wrong_filter_would_be_noticed(arrays):
  ops = configs.preprocess_ops(PROCESSORS['siglip_bicubic'], '')
  ours = preprocess.parse(ops.replace('bicubic', 'bilinear'))(
      seeded.photo(61, 43))
  theirs = arrays['pixels/siglip_bicubic/61x43']
  assert (np.abs(ours - theirs) * 0.5).max() > 4 / 255
