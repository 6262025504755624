"""Engines of approximate search by name, each imported when it is used."""

import importlib.util
import pathlib

from pinpoint_jax.search import ann, ann_files

ENGINES = ('scann', 'faiss')


def engine_class(engine: str) -> type:
  """The class behind an engine's name; refused where it is not installed."""
  if engine == 'scann':
    from pinpoint_jax.search import ann_scann
    return ann_scann.ScannIndex
  if engine == 'faiss':
    from pinpoint_jax.search import ann_faiss
    return ann_faiss.FaissIndex
  raise ValueError(f'engine {engine!r}: choices are {ENGINES}')


def installed() -> tuple[str, ...]:
  """Names of the engines that can be used here."""
  return tuple(name for name in ENGINES if importlib.util.find_spec(name))


def load(folder: pathlib.Path,
         source: ann_files.IndexSource | None = None) -> ann.Index:
  """Reads an index with the engine that wrote it."""
  engine = ann_files.read(folder, source).engine
  return engine_class(engine).load(folder, source)
