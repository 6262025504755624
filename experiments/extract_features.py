r"""A data set and a backbone to a feature store, resumable.

  python -m experiments.extract_features \
    --config=extract_features --workdir=DIR \
    --config.data.name=osv5m --config.data.root=/data/osv5m \
    --config.data.options.split=train --config.backbone=/models/siglip2-...

The store appears at DIR/store when all shards are there. Stopped in any way,
run it again: finished shards are kept, and photos of a folder that have gone
since are quarantined. A second process in DIR is refused.

On several machines with one file system, give each --config.num_hosts=N
--config.host=I; whoever finishes last makes the store. Photos that give no
feature are listed in DIR/store/quarantine.jsonl with their reason.

Exit codes: 0 done here; 1 refused, with one line that says why; 143 stopped
by SIGTERM and 130 by Ctrl-C, run again to continue.
"""

import pathlib
import sys

from experiments.run import launch
from experiments.run import launch as stopping
from input_pipeline import open_source
from ml_collections import config_dict
from pinpoint_jax.disk import lock
from pinpoint_jax.features import backbone as backbone_lib
from pinpoint_jax.features import backbones, decoding, extract


def main(run: launch.Run) -> None:
  """Refuses a second process of the same part before any work."""
  config = run.config
  part = (run.workdir if config.num_hosts == 1
          else run.workdir / 'hosts' / str(config.host))
  with lock.hold(part):
    make_store(config, run.workdir)


def make_store(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Opens the data, loads the backbone, extracts to workdir/store."""
  options = {name: value for name, value in config.data.options.items()
             if value is not None}
  source = open_source.open_source(
      config.data.name, config.data.root or None,
      max_rows=config.data.max_rows or None, evenly=config.data.evenly,
      record=workdir / 'photos.npz', **options)
  for note in source.notes:
    print(f'note: {note}', flush=True)
  backbone = backbones.load(config.backbone, config.dtype,
                            config.preprocess or None,
                            config.attention, weights=config.weights)
  print(f'{len(source.photos):,} photos → {backbone.name}, {backbone.dim} '
        f'dimensions after {backbone.preprocess}', flush=True)
  plan = extract.Plan(
      config.shard_rows, config.batch_size or _sized(backbone),
      decoding.by_cores() if config.processes == -1 else config.processes,
      config.host, config.num_hosts, config.max_failed_share,
      tuple(source.notes),
      config.licence or open_source.licence_of(config.data.name))
  request = stopping.Request()
  try:
    store = extract.extract(source, backbone, workdir, plan, request)
  except extract.Interrupted:
    print('stopped; finished shards are kept, run the same command '
          'to continue', file=sys.stderr, flush=True)
    sys.exit(request.exit_code)
  if store is None:
    print(f'host {plan.host} is done; other hosts still have shards to do. The '
          f'last one makes {workdir / "store"}; if one is gone, run this '
          f'again in its place')
    return
  print(f'{len(store):,} of {len(source.photos):,} photos have features, '
        f'{store.manifest["quarantined"]:,} are in quarantine: {store.path}')


def _sized(backbone: backbone_lib.Backbone) -> int:
  """Photos at once on each device, as many as its memory takes; says so."""
  batch = backbone.batch_fn()
  print(f'batch_size: {batch.size} photos on each device ({batch.why})',
        flush=True)
  return batch.size


if __name__ == '__main__':
  launch.run(main)
