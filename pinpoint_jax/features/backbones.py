"""Backbones by name or path, ready for feature extraction."""

from collections.abc import Callable, Sequence
import pathlib
import re
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from pinpoint_jax.features import backbone as backbones
from pinpoint_jax.images import preprocess
from pinpoint_jax.models import transformer
from pinpoint_jax.parallel import rules
from pinpoint_jax.pretrained import convnet_backbone, efficientnet_files
from pinpoint_jax.pretrained import load as pretrained

DEMO = pathlib.Path(pretrained.__file__).parent / 'demo_backbone'
LITE0_TILES = 'efficientnet_lite0_tiles'
# That of the pictures of Synthetic Earth.
_NAMED = {'demo': DEMO}
NAMES = ('thumbnail', *_NAMED, LITE0_TILES)
_AXIS = 'data'
ATTENTION = ('auto', 'plain', 'xla', 'cudnn')
_DTYPES = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}


def load(name: str, dtype: str = 'float32', ops: str | None = None,
         attention: str = 'auto',
         devices: Sequence[jax.Device] | None = None,
         weights: str = 'float32') -> backbones.Backbone:
  """A named backbone, a folder of weights or a big_vision .npz.

  Names are 'thumbnail', 'demo' and 'efficientnet_lite0_tiles'. `ops` replaces
  the backbone's own preprocessing, `devices` the default of all local devices.
  `weights` is what the kernels of layers are kept in, `attention` one of
  ATTENTION: auto takes cudnn's for bfloat16 on NVIDIA GPUs, else plain.
  """
  devices = devices or jax.local_devices()
  if name == 'thumbnail':
    if ops:
      raise ValueError(f'preprocess {ops!r}: thumbnail has its own, '
                       f'{backbones.thumbnails().preprocess!r}')
    return backbones.thumbnails()
  if weights not in _DTYPES:
    raise ValueError(f'weights {weights!r}: choices are {sorted(_DTYPES)}')
  loaded = _pretrained(name, dtype, ops, attention, devices[0])
  for unused in loaded.report.unused[:5]:
    print(f'{name}: {unused} is not used '
          f'({len(loaded.report.unused)} such tensors)', flush=True)
  shape = (1, *loaded.model.image_size, 3)
  dim = jax.eval_shape(loaded.model.apply, loaded.params,
                       jax.ShapeDtypeStruct(shape, jnp.float32)).shape[-1]
  # A CPU keeps the wide maps of one photo in its cache, not those of more.
  one_by_one = name == LITE0_TILES and devices[0].platform == 'cpu'
  # Features made in another way compare with none of these.
  suffix = '' if dtype == 'float32' else f' in {dtype}'
  suffix += '' if weights == 'float32' else f', weights in {weights}'
  apply = _Apply(loaded, kept(loaded.params, weights), devices, one_by_one)
  return backbones.Backbone(
      f'{pathlib.Path(name).name}{suffix}', loaded.weight_hash,
      loaded.preprocess, dim, apply, len(devices), apply.batch)


def formats(name: str) -> dict[str, str]:
  """dtype and weights of a loaded backbone, as its name tells them."""
  return re.fullmatch(
      r'.*?( in (?P<dtype>bfloat16))?(, weights in (?P<weights>bfloat16))?',
      name, re.DOTALL).groupdict('float32')


def kept(params: Any, dtype: str) -> Any:
  """Parameters with kernels in `dtype`: nearly all of a model's memory."""
  def keep(path: Any, x: Any) -> Any:
    name = rules.path_name(path)
    return x.astype(_DTYPES[dtype]) if name.endswith('/kernel') else x
  return jax.tree_util.tree_map_with_path(keep, params)


def _pretrained(name: str, dtype: str, ops: str | None, attention: str,
                device: jax.Device) -> pretrained.Pretrained:
  if dtype not in _DTYPES:
    raise ValueError(f'dtype {dtype!r}: choices are {sorted(_DTYPES)}')
  if attention not in ATTENTION:
    raise ValueError(f'attention {attention!r}: choices are {ATTENTION}')
  if name == LITE0_TILES:
    if attention != 'auto':
      raise ValueError(f'attention {attention!r}: {name} has no attention')
    return efficientnet_files.load(ops, _DTYPES[dtype])
  if name not in _NAMED and not pathlib.Path(name).exists():
    raise ValueError(f'backbone {name!r}: no such folder or file; named ones '
                     f'are {list(NAMES)}')
  path = _NAMED.get(name, name)
  if convnet_backbone.is_there(path):
    if attention != 'auto':
      raise ValueError(f'attention {attention!r}: {name} has no attention')
    return convnet_backbone.load(path, ops, _DTYPES[dtype])
  return pretrained.load(path, ops, dtype=_DTYPES[dtype],
                         attention=_chosen(attention, dtype, device))


def _chosen(attention: str, dtype: str, device: jax.Device) -> str | None:
  """As models.vit.ViT names it."""
  if attention == 'auto':
    on_nvidia = device.device_kind.startswith('NVIDIA')
    return 'cudnn' if on_nvidia and dtype == 'bfloat16' else None
  return None if attention == 'plain' else attention


def program(model: nn.Module, ops: str, mesh: jax.sharding.Mesh,
            one_by_one: bool = False) -> Callable[[Any, Any], jax.Array]:
  """The compiled function of parameters and uint8 pixels [b, h, w, 3].

  Each device of the mesh, which has one axis, runs the program of a single one
  on its share of the batch. `ops` are the whole preprocessing; its values half
  runs here.
  """
  scale = preprocess.parse(preprocess.split(ops).values)
  def forward(params: Any, pixels: jax.Array) -> jax.Array:
    return model.apply(params, scale(pixels))
  def in_turn(params: Any, pixels: jax.Array) -> jax.Array:
    return jax.lax.map(lambda one: forward(params, one[None])[0], pixels)
  whole = jax.sharding.PartitionSpec()
  split = jax.sharding.PartitionSpec(*mesh.axis_names)
  return jax.jit(
      jax.shard_map(in_turn if one_by_one else forward, mesh=mesh,
                    in_specs=(whole, split), out_specs=split),
      compiler_options=transformer.compiler_options())


class _Apply:
  """Pixels to features on several devices, the batch split among them."""

  def __init__(self, loaded: pretrained.Pretrained, params: Any,
               devices: Sequence[jax.Device], one_by_one: bool):
    mesh = jax.sharding.Mesh(np.asarray(devices), (_AXIS,))
    spec = jax.sharding.PartitionSpec
    self._split = jax.sharding.NamedSharding(mesh, spec(_AXIS))
    self._params = jax.device_put(
        params, jax.sharding.NamedSharding(mesh, spec()))
    self._forward = program(loaded.model, loaded.preprocess, mesh, one_by_one)
    self._devices, self._num_devices = devices, len(devices)
    self._image_size = preprocess.output_size(loaded.preprocess)

  def __call__(self, pixels: np.ndarray) -> jax.Array:
    if len(pixels) % self._num_devices:
      raise ValueError(f'{len(pixels)} images do not divide among '
                       f'{self._num_devices} devices')
    return self._forward(self._params, jax.device_put(pixels, self._split))

  def batch(self) -> backbones.Batch:
    """The batch that fits a device, by what the compiler says of a small one.
    """
    stats = self._devices[0].memory_stats() or {}
    if not stats.get('bytes_limit'):
      return backbones.USUAL
    return fitting(self.bytes_each(), stats['bytes_limit'],
                   stats['bytes_in_use'])

  def bytes_each(self) -> int:
    """Memory that one more photo takes on its device."""
    shape = (_SMALL * self._num_devices, *self._image_size, 3)
    memory = self._forward.lower(self._params, jax.ShapeDtypeStruct(
        shape, np.uint8, sharding=self._split)).compile().memory_analysis()
    # The pixels of the next batch are there already.
    photo = 2 * int(np.prod(self._image_size)) * 3
    return photo + -(-(memory.temp_size_in_bytes
                       + memory.output_size_in_bytes) // _SMALL)


# Photos of a batch that is compiled to learn what one takes.
_SMALL = 8
# Of a device's memory; the rest is for what the compiler does not count.
_SHARE = 0.9
# Above, accelerators gain nothing, and the last batch of a shard is emptier.
_MOST = 256


def fitting(bytes_each: int, limit: int, held: int) -> backbones.Batch:
  """The largest power of two, up to 256, of photos that fit beside weights.

  limit, held: of a device's memory, in bytes.
  """
  num = int(_SHARE * limit - held) // bytes_each
  if num < 1:
    raise ValueError(
        f'a photo takes {bytes_each / 2**20:,.0f} MiB beside the '
        f'{held / 2**30:.1f} GiB of weights: more than the '
        f'{limit / 2**30:.1f} GiB of this device; take a smaller backbone, or '
        f'dtype=bfloat16')
  size = min(_MOST, 2**(num.bit_length() - 1))
  return backbones.Batch(
      size, f'{bytes_each / 2**20:,.1f} MiB each beside {held / 2**30:.1f} GiB '
      f'of weights in {limit / 2**30:.1f} GiB')
