"""Named sizes of models.vit as data: family, size, patch and resolution.

  build('siglip2-b16-256')         build('clip-l14-224', dtype=jnp.bfloat16)
"""

from typing import Any

from pinpoint_jax.models import vit

# width, depth, heads, mlp
_SIZES = {
    's': (384, 12, 6, 1536),
    'b': (768, 12, 12, 3072),
    'l': (1024, 24, 16, 4096),
    'so400m': (1152, 27, 16, 4304),
    'g-opt': (1536, 40, 16, 6144),
    'g': (1536, 40, 24, 4096),  # DINOv2's giant; mlp is after the gate.
    'tiny': (32, 2, 4, 64),
}
_SIGLIP = dict(pool='map', activation='gelu_tanh', eps=1e-6)
_CLIP = dict(pool='class', activation='quick_gelu', eps=1e-5, pre_norm=True,
             patch_bias=False)
_DINO = dict(pool='class', activation='gelu', eps=1e-6, num_registers=4,
             layer_scale=True)
_GATED = _DINO | dict(activation='swiglu')

# size, patch, resolutions
_SIGLIP2 = (
    ('b', 32, (256,)), ('b', 16, (224, 256, 384, 512)),
    ('l', 16, (256, 384, 512)), ('so400m', 14, (224, 384)),
    ('so400m', 16, (256, 384, 512)), ('g-opt', 16, (256, 384)),
)
_FAMILIES = (
    *(('siglip2', _SIGLIP, *row) for row in _SIGLIP2),
    ('clip', _CLIP, 'b', 32, (224,)), ('clip', _CLIP, 'b', 16, (224,)),
    ('clip', _CLIP, 'l', 14, (224, 336)),
    *(('dinov2', _DINO, size, 14, (518,)) for size in ('s', 'b', 'l')),
    ('dinov2', _GATED, 'g', 14, (518,)),
    ('siglip2', _SIGLIP, 'tiny', 8, (32,)),
    ('clip', _CLIP, 'tiny', 8, (32,)),
    ('dinov2', _DINO, 'tiny', 8, (32,)),
    ('dinov2-gated', _GATED, 'tiny', 8, (32,)),
)


def _fields(family: dict, size: str, patch: int, side: int) -> dict[str, Any]:
  width, depth, num_heads, mlp_dim = _SIZES[size]
  return dict(family, image_size=(side, side), patch=patch, width=width,
              depth=depth, num_heads=num_heads, mlp_dim=mlp_dim)


VARIANTS: dict[str, dict[str, Any]] = {
    f'{name}-{size}{patch}-{side}': _fields(family, size, patch, side)
    for name, family, size, patch, sides in _FAMILIES for side in sides
}


def fields(name: str) -> dict[str, Any]:
  """Fields of models.vit.ViT for the variant called `name`."""
  if name not in VARIANTS:
    raise ValueError(f'backbone {name!r}: choices are {sorted(VARIANTS)}')
  return dict(VARIANTS[name])


def build(name: str, **overrides: Any) -> vit.ViT:
  """The variant called `name`, with some fields replaced."""
  return vit.ViT(**(fields(name) | overrides))
