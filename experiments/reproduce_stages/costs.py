"""What a stage costs: disk, memory, and hours on three machines.

Nobody has run the full size here. Every figure is a rate that was measured on
two cores, at smaller sizes, times the size of the stage (`measured`), or
arithmetic on FLOP and bytes (`computed`); docs/benchmarks.md says which rate
was seen where.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import types as pytypes

from experiments.reproduce_stages import stages
from experiments.reproduce_stages.stages import Stage
from input_pipeline.datasets import published
from input_pipeline.feature_earth import settings as worlds
from ml_collections import config_dict

# Sustained FLOP/s of what no rate was measured on: an H100 at a tenth of its
# peak in bfloat16, a v5e chip at 40 % of its own, sixteen of them.
SUSTAINED = pytypes.MappingProxyType(
    {'one GPU': 100e12, 'v5e-16': 16 * 0.4 * 197e12})
MACHINES = ('two cores', *SUSTAINED)
# Measured on two cores (benchmarks/results/).
_CPU_S_PER_FLOP = 0.452 / 46.8e9  # backbones.json: B/16-256, batch 8.
_DECODED_PER_CORE_S = 241.0  # docs/results: 384 pixels.
_TRAINED_PER_S = 55.5  # embedder_cpu.json: samples of the full embedder.
_BUILT_PER_S = 1e6 / 32.0  # docs/results/gallery.md: rows, small vectors.
_INDEXED_CPU_S = 415e-6  # gallery.json: a row, three channels.
_SEARCH_S = 6.6e-3 / 1e5  # Of a shortlist, by row: seen at 100,000 rows.
_READ_PER_S = 0.9e9  # loader.json: bytes of a cold store, in windows.
_INDEX_BYTES, _TABLE_BYTES, _ROW_BYTES = 3476, 0.4e3, 37
# FLOP of a forward pass by backbone (backbones.json); for `demo` those of the
# ViT that was called so before, which took 0.0018 CPU seconds.
_FORWARD = {'demo': 0.0018 / _CPU_S_PER_FLOP, 'thumbnail': 0.0,
            'efficientnet_lite0_tiles': 0.059 / _CPU_S_PER_FLOP}
_FORWARD_GIANT = 1.393e12
_DIMS = {'demo': 256, 'thumbnail': 320, 'efficientnet_lite0_tiles': 1280,
         '': 128}
_DIM_GIANT = 1536
_FULL_SAMPLE = 4.7e8  # FLOP of one sample of the full embedder.
_TOKENS = 8  # Of a candidate, in the attention reranker.


@dataclasses.dataclass(frozen=True)
class Cost:
  """Of one stage.

  Attributes:
    rows: photos that go through it.
    disk_gb, memory_gb: what it leaves behind, and what it holds.
    hours: by machine.
    measured: machines whose hours come from a measured rate.
  """

  rows: int
  disk_gb: float
  memory_gb: float
  hours: Mapping[str, float]
  measured: tuple[str, ...] = MACHINES[:1]


def of(chain: Sequence[Stage], config: config_dict.ConfigDict) -> dict[
    str, Cost]:
  """The cost of each stage by its name."""
  sizes = _Sizes(config)
  return {stage.name: _KINDS[stage.kind](stage, sizes) for stage in chain}


class _Sizes:
  """How many rows, and how long."""

  def __init__(self, config: config_dict.ConfigDict):
    self._config = config
    self.dim = _DIMS.get(config.backbone, _DIM_GIANT)
    self.forward = _FORWARD.get(config.backbone, _FORWARD_GIANT)
    self.gallery = sum(self.of(name) for name in config.gallery_sets.values())

  def of(self, name: str) -> int:
    """Rows of a data set, as published or as made."""
    data = self._config.data[name]
    if data.name == stages.FEATURE_EARTH:
      return _made(worlds.SIZES[self._config.world.size], data.split)
    rows = published.num_rows(data.name.removeprefix('tfds:'), data.split)
    return min(rows, self._config.subset) if self._config.subset else rows


def _made(size: worlds.Size, split: str) -> int:
  counts = {'gallery_photo': size.num_photos,
            'gallery_street': size.num_street}
  return counts.get(split, size.num_rerank if split.startswith('rerank')
                    else size.num_queries)


def _features(stage: Stage, sizes: _Sizes) -> Cost:
  rows = sizes.of(stage.name)
  decode_s = rows / _DECODED_PER_CORE_S
  flop = rows * sizes.forward
  hours = {'two cores': (flop * _CPU_S_PER_FLOP + decode_s) / 2 / 3600}
  for machine, rate in SUSTAINED.items():
    # A host of eight cores decodes beside it.
    hours[machine] = max(flop / rate, decode_s / 8) / 3600
  return Cost(rows, rows * (2 * sizes.dim + _ROW_BYTES) / 1e9,
              1 + rows * _TABLE_BYTES / 1e9, hours)


def _world(stage: Stage, sizes: _Sizes) -> Cost:
  rows = sizes.of(stage.name)
  seconds = rows * 10 / 246_000  # Its binary's page.
  return Cost(rows, rows * 2 * sizes.dim / 1e9, 1.0,
              dict.fromkeys(MACHINES, seconds / 3600), MACHINES)


def _embedder(stage: Stage, sizes: _Sizes) -> Cost:
  config = stage.config
  samples = (config.train.num_steps * config.data.batch_size
             * len(config.model.sources))
  flop = samples * _sample_flop(config.model, sizes.dim)
  read_s = min(samples, 1e9) * 2 * sizes.dim / _READ_PER_S
  solving_s = 30.0 if config.model.linear else 0.0
  hours = {'two cores': (flop / (_TRAINED_PER_S * _FULL_SAMPLE)
                         + solving_s) / 3600}
  for machine, rate in SUSTAINED.items():
    hours[machine] = (max(flop / rate, read_s) + solving_s) / 3600
  return Cost(sizes.gallery, 1.0,
              2 + sizes.gallery * 2 * sizes.dim / 1e9, hours)


def _sample_flop(model: config_dict.ConfigDict, dim: int) -> float:
  """FLOP of a forward and a backward pass of one photo and one place."""
  def residual(width: int, expansion: int, depth: int) -> int:
    return depth * 2 * expansion * width**2
  hidden, place = model.hidden, model.location_options
  image = (dim * hidden + hidden * model.dim + residual(
      hidden, model.expansion, model.adapter_depth - 1 + model.trunk_depth))
  width = place.get('hidden', 512)
  location = width * model.dim + residual(
      width, place.get('expansion', 2), place.get('depth', 4))
  return 6.0 * (image + location)


def _gallery(stage: Stage, sizes: _Sizes) -> Cost:
  rows, config = sizes.gallery, stage.config
  raw = {'float16': 2, 'int8': 1}.get(config.raw, 0) * sizes.dim
  indexed = config.index != 'none'
  seconds = rows / _BUILT_PER_S + (rows * _INDEXED_CPU_S / 2) * indexed
  each = raw + 4 * 256 + _ROW_BYTES + _INDEX_BYTES * indexed
  return Cost(rows, rows * each / 1e9,
              2 + rows * (_TABLE_BYTES + _INDEX_BYTES / 3 * indexed) / 1e9,
              dict.fromkeys(MACHINES, seconds / 3600), MACHINES)


def _reranker(stage: Stage, sizes: _Sizes) -> Cost:
  config = stage.config
  learns = next(some for key, some in stage.takes.items()
                if key.startswith('stores.'))[0]
  share = 1.0 if config.queries == 'apart' else (
      config.embedder_split.validation_percent / 100)
  queries = min(int(sizes.of(learns.name) * share), config.max_queries)
  lists = queries * config.examples.rounds
  slots = sum(config.examples.sizes.values()) + config.examples.deep_negatives
  flop = (config.train.num_steps * config.data.batch_size * slots
          * 6.0 * _weights_used(config, sizes.dim))
  hours = {'two cores': (lists * sizes.gallery * _SEARCH_S
                         + flop / (_TRAINED_PER_S * _FULL_SAMPLE)) / 3600}
  for machine, rate in SUSTAINED.items():
    search = lists * sizes.gallery * 2.0 * (sizes.dim + 512)
    # Searching is bound by memory: a tenth of the rate.
    hours[machine] = (search / (rate / 10) + flop / rate) / 3600
  return Cost(lists, lists * slots * 200 / 1e9 + 0.5,
              2 + sizes.gallery * 2 * (sizes.dim + 512) / 1e9, hours, ())


def _weights_used(config: config_dict.ConfigDict,
                  dim: int) -> float | int:
  """Weights that one candidate passes, times how often it does."""
  model = config.model
  if config.kind == 'attention':
    layer = (4 + 2 * model.expansion) * model.width**2
    return _TOKENS * (model.num_layers * layer + dim * model.width / 4)
  if config.kind == 'interaction':
    return (dim + 2 * 256) * model.projections + 4 * model.hidden**2
  return 64.0 * (64 + 32)


def _figures(stage: Stage, sizes: _Sizes) -> Cost:
  queries = sizes.of(stage.takes['queries'][0].name)
  searches = queries * len(stage.config.filters)
  hours = {'two cores': searches * sizes.gallery * _SEARCH_S / 3600}
  for machine, rate in SUSTAINED.items():
    hours[machine] = searches * sizes.gallery * 2.0 * (sizes.dim + 512) / (
        rate / 10) / 3600
  return Cost(queries, 0.1 + queries * 1e3 / 1e9,
              2 + sizes.gallery * 2 * (sizes.dim + 512) / 1e9, hours)


_KINDS: Mapping[str, Callable[[Stage, _Sizes], Cost]] = {
    'features': _features, 'world': _world, 'embedder': _embedder,
    'gallery': _gallery, 'reranker': _reranker, 'figures': _figures}
