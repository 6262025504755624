r"""A benchmark from the files its owners publish to its table, in one command.

  python -m experiments.reproduce --config=im2gps3k --workdir=runs/im2gps3k
  python -m experiments.reproduce --config=im2gps3k --workdir=W --plan
  python -m experiments.reproduce --config=im2gps3k:quick --workdir=W \
    --subset=1000

--config is im2gps3k, yfcc4k, osv5m, commons26 or synthetic. Its stages are
features, embedder, gallery, rerankers, figures and the tables: W/results.json,
results.md (every row), tables.md, .tex and .html (beside the published
figures), stages.json and figures.json.

What is missing is named before any work, all of it at once, with who publishes
it. Stages lie in folders named by what they are made of, in `stages` beside W
(--config.stages), so that benchmarks and sweeps share what they have in common.
A stage that is done is skipped, one that was begun goes on, one whose config or
data changed is made anew in another folder; the old one stays until somebody
removes it. Each is the work of a binary, whose command line --plan prints.

--subset=N takes N photos of each data set, evenly spread over what is there: a
part of the shards is enough. Its tables say so; they are no benchmark.

Exit codes: 0 done; 1 refused, with one line that says why; 143 stopped by
SIGTERM, 130 by Ctrl-C: run the same command again, it goes on.
"""

import pathlib

from experiments.reproduce_stages import inputs, plan, runs, stages, table
from experiments.run import launch, run_record
from ml_collections import config_dict
from pinpoint_jax.disk import lock

FLAGS = (
    launch.Flag('plan', False, 'List the stages with their state, costs and '
                'command lines, and what is missing; run nothing.'),
    launch.Flag('subset', 0, 'Photos of each data set, evenly spread; 0 is '
                'all. Stands for --config.subset.'),
)


def main(run: launch.Run) -> None:
  """Plans, or runs what is not done and writes the table."""
  config = run.config
  if run.flags['subset'] < 0:
    raise ValueError(f'--subset={run.flags["subset"]}: must be at least 1')
  config.subset = run.flags['subset'] or config.subset
  base = folder_of_stages(config, run.workdir)
  launch.check_writable('config.stages', base)
  chain, lacking = stages.of(config), inputs.missing(config)
  if run.flags['plan']:
    print(plan.text(chain, base, config, lacking))
    return
  if lacking:
    print('\n'.join(f'missing: {line}' for line in lacking), flush=True)
    raise ValueError(
        f'--config={config.benchmark}: {len(lacking)} inputs are missing, '
        f'listed above; put them there, name other folders by '
        f'--config.data.NAME.root, or see --plan'
        + ('' if config.subset else '; --subset=N takes a part of a data set'))
  reproduce(config, run.workdir)


def reproduce(config: config_dict.ConfigDict, workdir: pathlib.Path) -> None:
  """Runs what is not done and writes the table to the workdir."""
  base, chain = folder_of_stages(config, workdir), stages.of(config)
  with lock.hold(workdir):
    run_record.write(workdir, config)
    (workdir / 'figures.json').unlink(missing_ok=True)
    launch.exit_on_signals('; run the same command to go on')
    for note in plan.subset_notes(config):
      print(f'note: {note}', flush=True)
    seconds = runs.run(chain, base)
    for path in table.write(config, chain, base, workdir, seconds):
      print(f'written  {path}')


def folder_of_stages(config: config_dict.ConfigDict,
                     workdir: pathlib.Path) -> pathlib.Path:
  """Where stages are kept."""
  return (pathlib.Path(config.stages) if config.stages
          else workdir.absolute().parent / 'stages')


if __name__ == '__main__':
  launch.run(main, FLAGS, record=False)
