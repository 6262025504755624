"""The `pinpoint` command.

  pinpoint index PHOTO…    own geotagged photos to a gallery and a model
  pinpoint predict PHOTO…  where photos were taken, and what speaks for it
  pinpoint verify-claim PHOTO… --at=LAT,LNG  is it consistent with that place
  pinpoint evaluate …      score a model, or a file of predictions
  pinpoint report …        a page on how far a model's answers can be trusted
  pinpoint audit …         what queries and a gallery share, and its worth
  pinpoint make-tables …   figures beside the published ones
  pinpoint verify DIR      read all of a feature store, gallery or model
  pinpoint export …        a gallery to a vector database

Photos of yours that say where they were taken place those that do not:

  pinpoint index ~/Photos --out=my_index
  pinpoint predict scan.jpg --index=my_index

`pinpoint COMMAND --help` tells the whole of a command. The stages behind them
are `python -m experiments.NAME --help`: extract_features, import_features,
train_embedder, build_gallery, train_reranker, train_router, export_model,
crossval, sweep, launch_pod.
"""

import importlib
import signal
import sys

# Command -> binary of this package.
COMMANDS = {'index': 'experiments.index', 'predict': 'experiments.predict',
            'verify-claim': 'experiments.verify_claim',
            'evaluate': 'experiments.evaluate',
            'report': 'experiments.report',
            'make-tables': 'experiments.make_tables',
            'audit': 'experiments.audit_leakage',
            'verify': 'experiments.verify',
            'export': 'experiments.export_gallery'}
_HELP = ('--help', '-h', 'help')


def main() -> None:
  """Hands the words after the command to its binary."""
  # Until the launcher takes over: no traceback through half an import.
  signal.signal(signal.SIGINT, signal.SIG_DFL)
  words = sys.argv[1:]
  if words and words[0] in _HELP:
    print(__doc__.strip())
    return
  if not words or words[0] not in COMMANDS:
    problem = f'command {words[0]!r} is unknown' if words else 'no command'
    print(f'error: {problem}; commands: {", ".join(COMMANDS)}; see pinpoint '
          f'--help', file=sys.stderr)
    sys.exit(2)
  if words[0] == 'verify' and len(words) > 1 and words[1][:1] != '-':
    words[1] = f'--path={words[1]}'  # `pinpoint verify DIR`
  sys.argv = [f'pinpoint {words[0]}', *words[1:]]
  importlib.import_module(COMMANDS[words[0]]).run()


if __name__ == '__main__':
  main()
