"""The `pinpoint` command: `pinpoint evaluate --help` and its siblings."""

import importlib
import sys

# Command -> binary of this package. Later steps add predict and serve.
COMMANDS = {'evaluate': 'experiments.evaluate', 'verify': 'experiments.verify'}


def main() -> None:
  """Hands the words after the command to its binary."""
  words = sys.argv[1:]
  if not words or words[0] not in COMMANDS:
    asked = 'no command' if not words else f'command {words[0]!r} is unknown'
    print(f'error: {asked}; commands: {", ".join(COMMANDS)}; '
          f'pinpoint COMMAND --help tells the rest', file=sys.stderr)
    sys.exit(0 if words[:1] == ['--help'] else 2)
  if words[0] == 'verify' and len(words) == 2 and words[1][:1] != '-':
    words[1] = f'--path={words[1]}'  # `pinpoint verify DIR`
  sys.argv = [f'pinpoint {words[0]}', *words[1:]]
  module = importlib.import_module(COMMANDS[words[0]])
  sys.modules['__main__'].__doc__ = module.__doc__
  module.run()


if __name__ == '__main__':
  main()
