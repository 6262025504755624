"""Feature stores of every split of the demo's world.

  features   what a backbone would see: the stores are written directly
  pixels     the same rows drawn: JPEGs, then features of a backbone
"""

from collections.abc import Mapping
import pathlib

from experiments.demo_stages import jobs, models
from input_pipeline import open_source, sources
from input_pipeline.feature_earth import stores
from input_pipeline.feature_earth import world as feature_worlds
from ml_collections import config_dict
from pinpoint_jax.features import backbones, extract, store

KINDS = ('features', 'pixels')
SPLITS = ('gallery_photo', 'gallery_street', 'rerank_photo', 'rerank_street',
          'calibrate_photo', 'calibrate_street', 'query_photo_known',
          'query_photo_new', 'query_street')


def make(config: config_dict.ConfigDict, workdir: pathlib.Path,
         pool: jobs.Jobs) -> dict[str, store.FeatureStore]:
  """Writes the stores of all splits anew and opens them."""
  if config.world.kind not in KINDS:
    raise ValueError(f'--config.world.kind={config.world.kind}: choices are '
                     f'{", ".join(KINDS)}')
  models.fresh(workdir / 'features')
  if config.world.kind == 'pixels':
    _extract(config, workdir)
  else:
    pool.run({f'features {split}': (_write, (config, workdir, split))
              for split in SPLITS})
  return {split: store.open_store(models.store(workdir, split))
          for split in SPLITS}


def world(config: config_dict.ConfigDict) -> feature_worlds.World:
  """The world whose pictures the stores have features of."""
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


def _extract(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Features of the pictures, which are drawn as they are read."""
  backbone = backbones.load(
      config.pixels.backbone, ops=config.pixels.preprocess or None)
  plan = extract.Plan(processes=config.pixels.processes, max_failed_share=0.0,
                      licence=sources.SYNTHETIC_LICENCE)
  for split in SPLITS:
    source = open_source.open_source(
        'synthetic_earth', variant=config.world.variant,
        size=config.world.size, seed=config.seed, split=split)
    extract.extract(source, backbone, workdir / 'features' / split, plan)


def origin(stores_by_split: Mapping[str, store.FeatureStore]) -> str:
  """What made the features, as a row's provenance says it."""
  manifest = next(iter(stores_by_split.values())).manifest
  return (f'{manifest["backbone"]} ({manifest["weight_hash"][:64]}) after '
          f'{manifest["preprocess"]}')
