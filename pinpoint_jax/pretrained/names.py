"""Where each of our parameters comes from, format by format.

A row reads: our parameter, how to convert, their tensors with their shapes.
Axes: d width, m mlp, g twice mlp, p patch, n patches, q patches and class,
r registers, h heads, e width of a head, t three times width. Rows of BLOCK
tables mean every layer.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Row(NamedTuple):
  """One of our parameters: name, converter, their 'name [shape]' texts."""

  ours: str
  convert: str
  theirs: tuple[str, ...]


class Table(NamedTuple):
  """All rows of a format.

  Attributes:
    anchor: a tensor every such file has; its prefix is the tower's.
    prefixes: what may precede the tower's names.
    block: their name of layer i.
    outside: rows outside the layers, `layers`: rows of each layer.
  """

  anchor: str
  prefixes: tuple[str, ...]
  block: str
  outside: tuple[Row, ...]
  layers: tuple[Row, ...]


def _last(tokens: np.ndarray) -> np.ndarray:
  return tokens.reshape(-1, tokens.shape[-1])


# The caller reshapes to our shape: splitting heads is no work here.
CONVERT: dict[str, Callable[..., np.ndarray]] = {
    'same': lambda x: x,
    'linear': lambda x: x.T,
    'linears': lambda *xs: np.stack([x.T for x in xs], axis=1),
    'stack_heads': lambda *xs: np.stack(xs, axis=1),
    'stack': lambda *xs: np.stack(xs),
    'patch': lambda x: x.transpose(2, 3, 1, 0),
    'in_proj_query': lambda x: np.split(x, 3)[0].T,
    'in_proj_key_value': lambda x: np.stack(
        [part.T for part in np.split(x, 3)[1:]], axis=1),
    'query_bias': lambda x: np.split(x, 3)[0],
    'key_value_bias': lambda x: np.split(x, 3)[1:],
    'without_first': lambda x: _last(x)[1:],
    'with_position': lambda token, x: _last(token) + _last(x)[:1],
}


def _row(ours: str, convert: str, *theirs: str) -> Row:
  return Row(ours, convert, theirs)


def _norm(ours: str, theirs: str) -> tuple[Row, ...]:
  return (_row(f'{ours}/scale', 'same', f'{theirs}.weight [d]'),
          _row(f'{ours}/bias', 'same', f'{theirs}.bias [d]'))


def _linear(ours: str, theirs: str, shape: str) -> tuple[Row, ...]:
  return (_row(f'{ours}/kernel', 'linear', f'{theirs}.weight [{shape}]'),
          _row(f'{ours}/bias', 'same',
               f'{theirs}.bias [{shape.split()[0]}]'))


def _qkv(theirs: str, names: tuple[str, str, str]) -> tuple[Row, ...]:
  weight, bias = ([f'{theirs}{name}.{kind}' for name in names]
                  for kind in ('weight [d d]', 'bias [d]'))
  return (_row('attention/qkv/kernel', 'linears', *weight),
          _row('attention/qkv/bias', 'stack', *bias))


_HF_LAYERS = (
    *_norm('norm1', 'layer_norm1'), *_norm('norm2', 'layer_norm2'),
    *_qkv('self_attn.', ('q_proj', 'k_proj', 'v_proj')),
    *_linear('attention/out', 'self_attn.out_proj', 'd d'),
    *_linear('mlp/up', 'mlp.fc1', 'm d'),
    *_linear('mlp/down', 'mlp.fc2', 'd m'),
)
_PATCH = _row('patch/kernel', 'patch',
              'embeddings.patch_embedding.weight [d 3 p p]')
_PREFIXES = ('vision_model.', '')

SIGLIP = Table(
    'embeddings.patch_embedding.weight', _PREFIXES, 'encoder.layers.{}.', (
        _PATCH,
        _row('patch/bias', 'same', 'embeddings.patch_embedding.bias [d]'),
        _row('position', 'same',
             'embeddings.position_embedding.weight [n d]'),
        *_norm('norm', 'post_layernorm'),
        _row('head/probe', 'same', 'head.probe [1 1 d]'),
        _row('head/query/kernel', 'in_proj_query',
             'head.attention.in_proj_weight [t d]'),
        _row('head/query/bias', 'query_bias',
             'head.attention.in_proj_bias [t]'),
        _row('head/key_value/kernel', 'in_proj_key_value',
             'head.attention.in_proj_weight [t d]'),
        _row('head/key_value/bias', 'key_value_bias',
             'head.attention.in_proj_bias [t]'),
        *_linear('head/out', 'head.attention.out_proj', 'd d'),
        *_norm('head/norm', 'head.layernorm'),
        *_linear('head/mlp/up', 'head.mlp.fc1', 'm d'),
        *_linear('head/mlp/down', 'head.mlp.fc2', 'd m'),
    ), _HF_LAYERS)

CLIP = Table(
    'embeddings.patch_embedding.weight', _PREFIXES, 'encoder.layers.{}.', (
        _PATCH,
        _row('position', 'without_first',
             'embeddings.position_embedding.weight [q d]'),
        _row('class_token', 'with_position',
             'embeddings.class_embedding [d]',
             'embeddings.position_embedding.weight [q d]'),
        *_norm('norm_before', 'pre_layrnorm'),
        *_norm('norm', 'post_layernorm'),
    ), _HF_LAYERS)


def dinov2(registers: bool, gated: bool) -> Table:
  """DINOv2 with or without registers, with plain or gated layers."""
  mlp = (_linear('mlp/up', 'mlp.weights_in', 'g d')
         + _linear('mlp/down', 'mlp.weights_out', 'd m') if gated else
         _linear('mlp/up', 'mlp.fc1', 'm d')
         + _linear('mlp/down', 'mlp.fc2', 'd m'))
  projection = 'embeddings.patch_embeddings.projection'
  position = 'embeddings.position_embeddings [1 q d]'
  extra = (_row('registers', 'same', 'embeddings.register_tokens [1 r d]'),)
  return Table(
      f'{projection}.weight', ('', 'dinov2_with_registers.', 'dinov2.'),
      'encoder.layer.{}.', (
          _row('patch/kernel', 'patch', f'{projection}.weight [d 3 p p]'),
          _row('patch/bias', 'same', f'{projection}.bias [d]'),
          _row('position', 'without_first', position),
          _row('class_token', 'with_position',
               'embeddings.cls_token [1 1 d]', position),
          *(extra if registers else ()), *_norm('norm', 'layernorm'),
      ), (
          *_norm('norm1', 'norm1'), *_norm('norm2', 'norm2'),
          *_qkv('attention.attention.', ('query', 'key', 'value')),
          *_linear('attention/out', 'attention.output.dense', 'd d'), *mlp,
          _row('scale1', 'same', 'layer_scale1.lambda1 [d]'),
          _row('scale2', 'same', 'layer_scale2.lambda1 [d]'),
      ))


def _flax(ours: str, theirs: str, kind: str, shape: str) -> tuple[Row, ...]:
  last = 'd' if shape == 'h e d' else shape.split()[-1]
  shape = f'{theirs}/{kind} [{shape}]'
  return (_row(f'{ours}/{kind}', 'same', shape),
          _row(f'{ours}/bias', 'same', f'{theirs}/bias [{last}]'))


def _flax_mlp(ours: str, theirs: str) -> tuple[Row, ...]:
  return (*_flax(f'{ours}/up', f'{theirs}/Dense_0', 'kernel', 'd m'),
          *_flax(f'{ours}/down', f'{theirs}/Dense_1', 'kernel', 'm d'))


def _flax_heads(ours: str, theirs: str, *names: str) -> tuple[Row, ...]:
  return (
      _row(f'{ours}/kernel', 'stack_heads',
           *(f'{theirs}/{name}/kernel [d h e]' for name in names)),
      _row(f'{ours}/bias', 'stack',
           *(f'{theirs}/{name}/bias [h e]' for name in names)))


_ATTENTION = 'MultiHeadDotProductAttention_0'
_POOL = f'MAPHead_0/{_ATTENTION}'

BIG_VISION = Table(
    'embedding/kernel', ('params/img/', 'img/', 'params/', ''),
    'Transformer/encoderblock_{}/', (
        *_flax('patch', 'embedding', 'kernel', 'p p 3 d'),
        _row('position', 'same', 'pos_embedding [1 n d]'),
        *_flax('norm', 'Transformer/encoder_norm', 'scale', 'd'),
        _row('head/probe', 'same', 'MAPHead_0/probe [1 1 d]'),
        *_flax_heads('head/query', _POOL, 'query'),
        *_flax_heads('head/key_value', _POOL, 'key', 'value'),
        *_flax('head/out', f'{_POOL}/out', 'kernel', 'h e d'),
        *_flax('head/norm', 'MAPHead_0/LayerNorm_0', 'scale', 'd'),
        *_flax_mlp('head/mlp', 'MAPHead_0/MlpBlock_0'),
    ), (
        *_flax('norm1', 'LayerNorm_0', 'scale', 'd'),
        *_flax('norm2', 'LayerNorm_1', 'scale', 'd'),
        *_flax_heads('attention/qkv', _ATTENTION, 'query', 'key', 'value'),
        *_flax('attention/out', f'{_ATTENTION}/out', 'kernel', 'h e d'),
        *_flax_mlp('mlp', 'MlpBlock_0'),
    ))
