"""Engines of approximate search by name, each imported when it is used."""

import pathlib

from pinpoint_jax.retrieval import index, index_files

ENGINES = ('scann', 'faiss')


def engine_class(engine: str) -> type:
  """The class behind an engine's name; refused where it is not installed."""
  if engine == 'scann':
    from pinpoint_jax.retrieval import scann_index
    return scann_index.ScannIndex
  if engine == 'faiss':
    from pinpoint_jax.retrieval import faiss_index
    return faiss_index.FaissIndex
  raise ValueError(f'engine {engine!r}: choices are {ENGINES}')


def load(folder: pathlib.Path,
         made: index_files.Made | None = None) -> index.Index:
  """Reads an index with the engine that wrote it."""
  return engine_class(index_files.read(folder, made).engine).load(folder, made)
