"""Query sets of known places, opened, encoded and given what answers them."""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from ml_collections import config_dict
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import open_systems
from pinpoint_jax.answer import systems as answering
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.features import store
from pinpoint_jax.rerank import fusion


@dataclasses.dataclass(frozen=True)
class QuerySet:
  """One query set.

  Attributes:
    name: of the set, from its folder.
    photos: who took what, where: the truth.
    queries: the photos as vectors.
    answering: every system for them.
    data: fingerprints of the store and of the rerankers.
  """

  name: str
  photos: types.Photos
  queries: shortlist.Queries
  answering: answering.Answering
  data: Mapping[str, Any]


def open_all(config: config_dict.ConfigDict,
             opened: open_systems.Opened) -> list[QuerySet]:
  """The stores of config.queries; an id may be in one of them only."""
  found = [_open(config, opened, path) for path in config.queries.split(',')]
  ids = np.concatenate([one.photos.ids for one in found])
  names, counts = np.unique(ids, return_counts=True)
  if (counts > 1).any():
    raise ValueError(f'{(counts > 1).sum()} ids are in several query sets, '
                     f'the first is {str(names[counts > 1][0])!r}: evaluate '
                     f'the sets one by one')
  return found


def _open(config: config_dict.ConfigDict, opened: open_systems.Opened,
          path: str) -> QuerySet:
  found = store.open_store(path)
  if not len(found):
    raise ValueError(f'{path} has no row: there is nothing to answer')
  source = found.manifest['source']
  rerankers = open_systems.load_rerankers(
      source, list(filter(None, config.rerankers[source].split(','))))
  prints = {name: trained.fingerprint for name, trained in rerankers.items()}
  return QuerySet(
      _name(found.path), found.photos, opened.queries(found),
      opened.answering_for(source, rerankers, _settings(config, source)),
      {'queries': found.fingerprint(), 'rerankers': prints})


def _name(path: pathlib.Path) -> str:
  # extract_features writes NAME/store.
  path = path.resolve()
  return path.parent.name if path.name == 'store' else path.name


def _settings(config: config_dict.ConfigDict,
              source: str) -> open_systems.Settings:
  weights = tuple(config.fusion[source])
  return open_systems.Settings(
      config.list_size, config.raw_temperature,
      shortlist.Sizes(**config.sizes.to_dict()),
      fusion.Fusion(*weights) if any(weights) else None,
      tuple(config.systems))
