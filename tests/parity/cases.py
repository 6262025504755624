"""What the references cover: models by class and config, processors."""

import dataclasses
from typing import Any

_SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
              patch_size=8)
_HF = _SMALL | dict(intermediate_size=48, image_size=32)
_TEXT = dict(hidden_size=32, intermediate_size=32, num_hidden_layers=1,
             num_attention_heads=2, vocab_size=20, bos_token_id=0,
             eos_token_id=1, pad_token_id=2)


@dataclasses.dataclass(frozen=True)
class Case:
  """A model of random weights.

  Attributes:
    name: of the reference.
    model: class name in transformers; '...Model' with a text tower, too.
    config: arguments of its config (of the vision config).
    image_size: pixels shown; another than the config's are interpolated.
    shard: largest shard, '' for one file.
  """

  name: str
  model: str
  config: dict[str, Any]
  image_size: tuple[int, int]
  shard: str = ''


def text_config() -> dict[str, Any]:
  """Of the text tower that full models carry and we leave unused."""
  return dict(_TEXT)


CASES = (
    Case('siglip', 'SiglipVisionModel', _HF, (32, 32)),
    Case('siglip_deep_sharded', 'SiglipVisionModel',
         _HF | dict(num_hidden_layers=4), (32, 32), '40KB'),
    Case('siglip_cut_edge', 'SiglipVisionModel',
         _HF | dict(image_size=30, patch_size=7), (30, 30)),
    Case('siglip_full', 'SiglipModel', _HF, (32, 32)),
    Case('siglip_wide', 'SiglipVisionModel', _HF, (24, 56)),
    Case('siglip_erf', 'SiglipVisionModel', _HF | dict(hidden_act='gelu'),
         (32, 32)),
    Case('clip', 'CLIPVisionModel', _HF, (32, 32)),
    Case('clip_full_gelu', 'CLIPModel', _HF | dict(hidden_act='gelu'),
         (32, 32)),
    Case('clip_larger', 'CLIPVisionModel', _HF, (56, 48)),
    Case('dinov2_registers', 'Dinov2WithRegistersModel',
         _SMALL | dict(image_size=56), (56, 56)),
    Case('dinov2_registers_smaller', 'Dinov2WithRegistersModel',
         _SMALL | dict(image_size=80, num_register_tokens=3), (32, 48)),
    Case('dinov2_registers_gated', 'Dinov2WithRegistersModel',
         _SMALL | dict(image_size=40, use_swiglu_ffn=True), (40, 40)),
    Case('dinov2', 'Dinov2Model', _SMALL | dict(image_size=56), (40, 40)),
)

_SQUARE = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    'siglip_bicubic': ('SiglipImageProcessorPil', _SQUARE | dict(
        size={'height': 24, 'width': 24}, resample=3)),
    'siglip2_bilinear': ('SiglipImageProcessorPil', _SQUARE | dict(
        size={'height': 24, 'width': 24}, resample=2)),
    'siglip_wide': ('SiglipImageProcessorPil', _SQUARE | dict(
        size={'height': 16, 'width': 28}, resample=2)),
    'clip': ('CLIPImageProcessorPil', dict(
        size={'shortest_edge': 23}, crop_size={'height': 23, 'width': 23})),
    'dinov2': ('BitImageProcessorPil', dict(
        size={'shortest_edge': 26}, crop_size={'height': 21, 'width': 21},
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])),
    'crop_past_the_edge': ('BitImageProcessorPil', dict(
        size={'shortest_edge': 12}, crop_size={'height': 19, 'width': 18})),
}
PHOTOS = ((61, 43), (43, 61), (50, 50), (97, 31), (33, 130))
