r"""What a backbone reads of drawn pictures, on a world that nothing has seen.

  python -m experiments.probe_backbone \
    --config=probe_backbone --workdir=W --config.backbone=cue_backbone/model

Two figures, with intervals. R² of the numbers that pictures show, read from
their features by a linear probe: fitted on independent pictures (of no world)
and judged on others and on the world's; and fitted on the world's gallery,
which flatters, since the numbers of one world go together. And the raw nearest
neighbour: how often the most similar gallery picture lies near, beside what the
world's own features give on the same rows.

W gets features/ (stores; run the same command again to go on), figures.json and
figures.md. Exit codes: 0 done; 1 refused, with one line that says why; 143
stopped by SIGTERM and 130 by Ctrl-C.
"""

from collections.abc import Iterator, Mapping
import contextlib
import dataclasses
import pathlib
import sys
from typing import Any

from experiments.run import launch, run_record
from input_pipeline import open_source
from input_pipeline.picture_earth import batches as streams
from input_pipeline.picture_earth import dataset
from input_pipeline.picture_earth import scene as scenes
from ml_collections import config_dict
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import lock
from pinpoint_jax.evals import cue_probe, geolocation, results
from pinpoint_jax.features import backbone as backbone_lib
from pinpoint_jax.features import backbones, extract, store
from pinpoint_jax.images import preprocess
from pinpoint_jax.report import tables
from pinpoint_jax.search import exact

QUERIES = {'query_photo_known': 'photo', 'query_photo_new': 'photo',
           'query_street': 'street'}
# Judged pictures of the world: their authors and drives are in no gallery.
JUDGED = {'photo': 'query_photo_new', 'street': 'query_street'}
_HEAD = ('probe fitted on', 'judged on', 'source', 'pictures', 'R²')
Stores = Mapping[str, store.FeatureStore]
Row = dict[str, Any]


def main(run: launch.Run) -> None:
  """Extract, probe, search, report."""
  config, workdir = run.config, run.workdir
  backbone = backbones.load(config.backbone, ops=config.preprocess or None)
  earth = dataset.picture_earth(
      config.world.size, config.seed, config.world.variant)
  with lock.hold(workdir):
    stores = _stores(config, workdir, backbone)
    print('pictures of no world …', flush=True)
    probed = _probed(config, backbone, earth, stores)
    nearest = _nearest(config, earth, stores)
    about = {
        'backbone': f'{backbone.name} ({backbone.weight_hash[:16]})',
        'world': f'{config.world.variant} {config.world.size} {config.seed}',
        'git': run_record.git_revision(),
        'config_hash': run_record.config_hash(config)}
    run_record.write_json(workdir / 'figures.json', about | {
        'r2': probed, 'raw_1nn': nearest})
    text = _report(about, probed, nearest)
    (workdir / 'figures.md').write_text(text, encoding='utf-8')
  print(f'\n{text}\nfigures: {workdir / "figures.json"}', flush=True)


def _stores(config: config_dict.ConfigDict, workdir: pathlib.Path,
            backbone: backbone_lib.Backbone) -> Stores:
  """Features of the world's galleries and queries; finished shards stay."""
  request = launch.Request()
  plan = extract.Plan(batch_size=config.batch_size, processes=config.processes,
                      max_failed_share=0.0)
  stores = {}
  for split in (*map(_gallery, types.SOURCES), *QUERIES):
    print(f'{split} …', flush=True)
    source = open_source.open_source(
        'synthetic_earth', max_rows=config.max_rows or None,
        variant=config.world.variant, size=config.world.size, seed=config.seed,
        split=split)
    try:
      stores[split] = extract.extract(
          source, backbone, workdir / 'features' / split, plan, request)
    except extract.Interrupted:
      print('stopped; finished shards are kept, run the same command to '
            'continue', file=sys.stderr, flush=True)
      sys.exit(request.exit_code)
  return stores


def _gallery(source: str) -> str:
  return f'gallery_{source}'


def _probed(config: config_dict.ConfigDict, backbone: backbone_lib.Backbone,
            earth: dataset.PictureEarth, stores: Stores) -> list[Row]:
  """R² by source, by what a probe was fitted and judged on, and by cue."""
  seed, sizes = config.independent.seed, config.independent
  fit_on = _independent(config, backbone, seed, sizes.num_fit)
  judged_on = _independent(config, backbone, seed + 1, sizes.num_judged)
  rows = []
  for source in types.SOURCES:
    world = _of_world(earth, stores, JUDGED[source], None)
    free = cue_probe.fit(fit_on[source], scenes.COLUMNS)
    own = cue_probe.fit(
        _of_world(earth, stores, _gallery(source), config.num_fit),
        scenes.COLUMNS)
    for probe, fitted, judged, name in (
        (free, 'independent', judged_on[source], 'independent'),
        (free, 'independent', world, JUDGED[source]),
        (own, _gallery(source), world, JUDGED[source])):
      for cue, column in {'': slice(None), **scenes.COLUMNS}.items():
        figure = dataclasses.asdict(cue_probe.score(
            probe, judged, column, config.num_resamples))
        rows.append({'fitted': fitted, 'judged': name, 'source': source,
                     'cue': cue} | {key: None if np.isnan(value) else value
                                    for key, value in figure.items()})
  return rows


def _independent(config: config_dict.ConfigDict,
                 backbone: backbone_lib.Backbone, seed: int,
                 num: int) -> dict[str, cue_probe.Labeled]:
  """Pictures of no world by source, each on its own."""
  prepare = preprocess.parse(preprocess.split(backbone.preprocess).pixels)
  parts = []
  with contextlib.closing(streams.Batches(
      seed, config.batch_size, config.processes)) as stream:
    for _ in range(-(-num // config.batch_size)):
      batch = next(stream)
      features = backbone.apply(np.stack([
          prepare(pixels) for pixels in batch.pop('pixels')]))
      parts.append(batch | {'features': np.asarray(features, np.float32)})
  joined = {name: np.concatenate([part[name] for part in parts])
            for name in parts[0]}
  clusters = joined['index'].astype(np.str_)
  is_street = joined['index'] % 2 == 1
  return {source: cue_probe.Labeled(
      *(joined[name][rows] for name in ('features', 'values', 'shown')),
      clusters[rows])
          for source, rows in (('photo', ~is_street), ('street', is_street))}


def _of_world(earth: dataset.PictureEarth, stores: Stores, split: str,
              most: int | None) -> cue_probe.Labeled:
  """Pictures of one split, at most so many and evenly spread."""
  features = stores[split]
  rows = blocks.evenly_spread(len(features), most or len(features))
  labels = earth.labels(split)
  return cue_probe.Labeled(
      features.rows(rows), labels.values[rows], labels.shown[rows],
      features.photos.clusters[rows])


def _nearest(config: config_dict.ConfigDict, earth: dataset.PictureEarth,
             stores: Stores) -> list[Row]:
  """Rows of the raw nearest neighbour: drawn, and by the world's features."""
  return [
      results.row(
          results.Setting('probe', source, 'raw_1nn', gallery, queries=split,
                          variant=variant),
          errors, {}, num_resamples=config.num_resamples)
      for variant, gallery, split, source, errors in _errors(earth, stores)]


def _errors(earth: dataset.PictureEarth, stores: Stores) -> Iterator[Any]:
  """Variant, gallery, queries, source and errors of every search."""
  kinds = {'': lambda split: stores[split].features,
           'features': lambda split: np.concatenate(
               list(earth.world.chunks(split)))[:len(stores[split])]}
  for variant, features in kinds.items():
    galleries = {
        source: _unit(features(_gallery(source))) for source in types.SOURCES}
    for split, source in QUERIES.items():
      queries = _unit(features(split))
      for gallery, sources in (('same_source', (source,)),
                               ('combined', types.SOURCES)):
        best = exact.search(queries, np.concatenate(
            [galleries[name] for name in sources]), 1).rows[:, 0]
        places = np.concatenate([
            stores[_gallery(name)].photos.latlng_deg for name in sources])
        truth = stores[split].photos
        yield variant, gallery, split, source, geolocation.errors(
            types.Predictions(truth.ids, places[best]), truth)


def _unit(features: np.ndarray) -> np.ndarray:
  """Rows of length 1, so that the nearest by cosine has the largest product."""
  features = np.asarray(features, np.float32)
  return features / np.linalg.norm(features, axis=1, keepdims=True)


def _report(about: Mapping[str, str], probed: list[Row],
            nearest: list[Row]) -> str:
  """Markdown tables of everything, as docs/results have them."""
  whole = [row for row in probed if not row['cue']]
  cues = {row['cue']: {} for row in probed if row['cue']}
  for row in probed:
    if row['cue'] and (row['fitted'], row['judged']) == (
        'independent', JUDGED[row['source']]):
      cues[row['cue']][row['source']] = _figure(row)
  return '\n'.join((
      'Backbone {backbone}, world {world}, revision {git}, config '
      '{config_hash} (synthetic).\n'.format(**about),
      '## R² of shown numbers\n', tables.grid(_HEAD, [
          (row['fitted'], row['judged'], row['source'],
           f'{row["num_pictures"]:,}', _figure(row)) for row in whole], 3),
      'By cue, fitted on independent pictures, judged on the world:\n',
      tables.grid(('cue', *types.SOURCES), [
          (cue, *(found[source] for source in types.SOURCES))
          for cue, found in cues.items()], 1),
      '## Raw nearest neighbour of pictures\n',
      tables.markdown([row for row in nearest if not row['variant']]),
      '## The same of the features of the world\n',
      tables.markdown([row for row in nearest if row['variant']])))


def _figure(row: Row) -> str:
  if row['low'] is None:
    return 'too few pictures'
  return f'{row["r2"]:.2f} [{row["low"]:.2f}, {row["high"]:.2f}]'


if __name__ == '__main__':
  launch.run(main)
