"""The peer of the embedder's training builds what the config says."""

import ast
import pathlib

from experiments.configs import train_embedder
import pytest

from benchmarks import embedder_bench

PEER = pathlib.Path(embedder_bench.__file__).parent / 'peers/embedder_torch.py'


@pytest.mark.parametrize('size', ['quick', ''])
def test_the_peer_takes_every_option_of_the_location_tower(size):
  # Torch is not installed here: its signature is read.
  options = embedder_bench.peer_model(train_embedder.get_config(size))[
      'location_options']
  taken = next(
      [argument.arg for argument in method.args.args]
      for node in ast.walk(ast.parse(PEER.read_text()))
      if isinstance(node, ast.ClassDef) and node.name == 'LocationEncoder'
      for method in node.body if isinstance(method, ast.FunctionDef)
      and method.name == '__init__')
  assert set(taken) == {'self', 'dim', *options}


def test_what_is_solved_is_refused():
  config = train_embedder.get_config('quick')
  config.model.location_options.cells_km = (25.,)
  with pytest.raises(ValueError, match='the networks alone'):
    embedder_bench.peer_model(config)
