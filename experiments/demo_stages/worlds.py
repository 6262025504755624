"""Feature stores of every split of the demo's world.

  features   Synthetic Earth at feature level: the stores are written directly
  pixels     the rendered Synthetic Earth: JPEGs, then features of a small ViT
"""

from collections.abc import Mapping
import pathlib

from experiments.demo_stages import jobs, models
from input_pipeline import open_source, sources
from input_pipeline.feature_earth import stores
from input_pipeline.feature_earth import world as feature_worlds
from input_pipeline.synthetic_earth import dataset as rendered
from ml_collections import config_dict
from pinpoint_jax.features import backbones, extract, store

KINDS = ('features', 'pixels')
SPLITS = ('gallery_photo', 'gallery_street', 'rerank_photo', 'rerank_street',
          'query_photo_known', 'query_photo_new', 'query_street')
# To calibrate answers on; the rendered world has none.
CALIBRATE = ('calibrate_photo', 'calibrate_street')


def make(config: config_dict.ConfigDict, workdir: pathlib.Path,
         pool: jobs.Jobs) -> dict[str, store.FeatureStore]:
  """Writes the stores of all splits anew and opens them."""
  if config.world.kind not in KINDS:
    raise ValueError(f'--config.world.kind={config.world.kind}: choices are '
                     f'{", ".join(KINDS)}')
  models.fresh(workdir / 'features')
  splits = SPLITS
  if config.world.kind == 'pixels':
    _rendered(config, workdir)
  else:
    splits += CALIBRATE
    pool.run({f'features {split}': (_write, (config, workdir, split))
              for split in splits})
  return {split: store.open_store(models.store(workdir, split))
          for split in splits}


def world(config: config_dict.ConfigDict) -> feature_worlds.World:
  """The world whose features the stores hold."""
  return feature_worlds.World(
      config.world.variant, config.seed, config.world.size)


def name(config: config_dict.ConfigDict) -> str:
  """What rows of results.json call the world."""
  parts = (config.world.kind, config.world.variant, config.world.size,
           f'seed{config.seed}')
  return '/'.join(['synthetic_earth', *filter(None, parts)])


def _write(config: config_dict.ConfigDict, workdir: pathlib.Path,
           split: str) -> None:
  stores.write(pathlib.Path(models.store(workdir, split)), world(config), split)


def _rendered(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  dataset = rendered.SyntheticEarth(config.world.size, config.seed)
  backbone = backbones.load(
      config.pixels.backbone, ops=config.pixels.preprocess or None)
  plan = extract.Plan(processes=config.pixels.decode_processes,
                      max_failed_share=0.0, licence=sources.SYNTHETIC_LICENCE)
  for split in SPLITS:
    folder = workdir / 'data' / split
    dataset.write_folder(folder, split, config.pixels.processes)
    source = open_source.open_source(
        'csv', folder, source='street' if split.endswith('street') else 'photo')
    extract.extract(source, backbone, workdir / 'features' / split, plan)


def origin(stores_by_split: Mapping[str, store.FeatureStore]) -> str:
  """What made the features, as a row's provenance says it."""
  manifest = next(iter(stores_by_split.values())).manifest
  return (f'{manifest["backbone"]} ({manifest["weight_hash"][:64]}) after '
          f'{manifest["preprocess"]}')
